"""How files and addresses are opened, and what FFmpeg's errors mean."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["READ_TIMEOUT_S", "DamagedError", "RefusedError", "open_container", "problem_of"]

_OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = {"rtsp": 10.0, "rtsps": 10.0, "http": 30.0, "https": 30.0}  # HLS comes in pieces

_RTSP = ("rtsp", "rtsps")
_ODD = "replace"
"""What becomes of tags that are no UTF-8: titles in GBK, say. Nothing depends on them."""


class RefusedError(SourceError):
    """The camera turned our password down; cameras lock out whoever asks again too often."""


class DamagedError(SourceError):
    """The video itself is damaged, and as good as it will ever be."""


_MEANINGS: dict[type[FFmpegError], str] = {
    av.error.HTTPUnauthorizedError: "wrong or missing user or password (401)",
    av.error.HTTPForbiddenError: "access is forbidden (403)",
    av.error.HTTPNotFoundError: "not found there (404)",
    av.error.ConnectionRefusedError: "nothing listens there (connection refused)",
    av.error.InvalidDataError: "not a video that can be read",
    av.error.ExitError: "no answer in time",
    av.error.TimeoutError: "no answer in time",
    av.error.FileNotFoundError: "no such file",
    av.error.PermissionError: "may not be read (permission denied)",
}
_REFUSALS = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)


def open_container(uri: Path | SourceUrl, *, attended: bool = False) -> InputContainer:
    """Open a file, or an address with time-outs and RTSP over TCP.

    Args:
        attended: somebody sees to it that a read which lasts for ever makes way. FFmpeg's own
            time-out is for a line that is silent, not for a camera that only sends reports; PyAV's
            is for both, but asks six times a network packet and takes the GIL each time: with 40
            cameras that is a tenth of all processor time.

    Raises:
        SourceError: it cannot be opened; RefusedError for a wrong password and the like.
    """
    try:
        if isinstance(uri, Path):
            return _open_file(uri)
        untimed = attended and uri.scheme in _RTSP
        return av.open(
            uri.reveal(),
            "r",
            options=_options(uri.scheme),
            metadata_errors=_ODD,
            timeout=(_OPEN_TIMEOUT_S, None if untimed else READ_TIMEOUT_S[uri.scheme]),
        )
    except FFmpegError as error:
        problem = problem_of(uri, error)
    except OSError as error:
        problem = SourceError(f"{uri}: {error.strerror or 'cannot be opened'}")
    # outside the handler, so that no traceback ever shows FFmpeg's message with the address
    raise problem


def _open_file(path: Path) -> InputContainer:
    # "file:" because NVRs put colons into names; a playlist in disguise must not reach the network
    options = {"protocol_whitelist": "file"}
    return av.open(f"file:{path}", "r", options=options, metadata_errors=_ODD)


def _options(scheme: str) -> dict[str, str]:
    """FFmpeg's options for a network source; its times are in microseconds."""
    wait = str(round(READ_TIMEOUT_S[scheme] * 1e6))
    options = {"timeout": wait, "fpsprobesize": "0"}  # don't wait a second to guess the rate
    if scheme in _RTSP:
        options["rtsp_transport"] = "tcp"
    return options


def problem_of(uri: Path | SourceUrl, error: FFmpegError) -> SourceError:
    """FFmpeg's error as one line; its own text holds the whole address."""
    meaning = _MEANINGS.get(type(error))
    if meaning is None and isinstance(uri, SourceUrl) and error.errno == 5:
        meaning = "host not found, or the connection broke"
    if meaning is None:
        text = " ".join(str(error.strerror).split())
        meaning = uri.redact(text) if isinstance(uri, SourceUrl) else text
    refused = isinstance(error, _REFUSALS)
    return (RefusedError if refused else SourceError)(f"{uri}: {meaning}")
