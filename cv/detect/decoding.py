"""One opened video: its sound frames, and upright pixels of those that are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import cv2
import numpy as np
from av import Packet, VideoFrame
from av.buffer import Buffer
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.video.stream import VideoStream

from cv.detect.damage import DamageFilter
from cv.detect.source_url import SourceUrl
from cv.detect.sources import SourceStats
from cv.errors import SourceError
from cv.geometry import Image

__all__ = ["RefusedError", "Video", "upright_bgr"]

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = {"rtsp": 10.0, "rtsps": 10.0, "http": 30.0, "https": 30.0}  # HLS comes in pieces
_MOST_READ_FAILURES = 100


class RefusedError(SourceError):
    """The camera turned our password down; cameras lock out whoever asks again too often."""


class Video:
    """An opened file or stream with its best video track.

    Args:
        keyframes: decode only key frames.
        threads: for decoding. One, or whole frames in parallel: FFmpeg's slice threads switch the
            detection of damage off, so they are never used.

    Raises:
        SourceError: it cannot be opened or holds no video that can be decoded; RefusedError for a
            wrong password and the like.
    """

    def __init__(self, uri: Path | SourceUrl, *, keyframes: bool, threads: int = 1) -> None:
        self.uri = uri
        self._container = _open(uri)
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            self._container.close()
            raise SourceError(f"{uri}: no video in it")
        if stream.codec_context is None:
            self._container.close()
            raise SourceError(f"{uri}: its video codec is not known here")
        self._stream = stream
        self._threads = threads
        context = stream.codec_context
        context.thread_type = "FRAME"
        context.thread_count = threads
        context.skip_frame = "NONKEY" if keyframes else "DEFAULT"

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def format(self) -> str:
        """FFmpeg's name of the container format."""
        return self._container.format.name

    @property
    def duration_s(self) -> float | None:
        """Length by the container's own account; None of what is live."""
        if self._container.duration and self._container.duration > 0:
            return self._container.duration / av.time_base
        if self._stream.duration and self._stream.duration > 0 and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return None

    @property
    def origin_s(self) -> float | None:
        """Time stamp at which the track begins, in seconds."""
        start, time_base = self._stream.start_time, self._stream.time_base
        return None if start is None or time_base is None else float(start * time_base)

    @property
    def step_s(self) -> float:
        """Seconds per frame by the container's own account, else 1/25."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate and 0.01 <= rate <= 1000 else 0.04

    @property
    def metadata(self) -> dict[str, str]:
        """Tags of the container, and those that only the track has."""
        return {**self._stream.metadata, **self._container.metadata}

    def frames(
        self, stats: SourceStats, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Sound frames with their numbers, in display order; counts decoded and corrupt ones.

        Ends with the video or when `stopped` says so.

        Raises:
            SourceError: reading failed before the end (a lost stream, a cut file).
        """
        damage = DamageFilter(self._threads)
        for packet in self._packets():
            if stopped():
                return
            damage.sent(packet)
            yield from self._decode(packet, damage, stats)
        yield from self._decode(None, damage, stats)
        yield from damage.rest()

    def _decode(
        self, packet: Packet[VideoStream] | None, damage: DamageFilter, stats: SourceStats
    ) -> Iterator[tuple[int, VideoFrame]]:
        try:
            frames = self._stream.codec_context.decode(packet)
        except EOFError:
            return
        except FFmpegError:
            stats.corrupt += 1
            damage.failed()
            return
        for frame in frames:
            index = stats.decoded
            stats.decoded += 1
            if frame.pts is None:
                frame.pts = frame.dts
            for sound in damage.sound(index, frame):
                if sound is None:
                    stats.corrupt += 1
                else:
                    yield sound

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the track; unreadable pieces are skipped, an end too soon is raised."""
        failures = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    if packet.size:  # an empty one would end decoding
                        yield packet
                return
            except FFmpegError as error:
                failures += 1
                if not isinstance(error, av.error.InvalidDataError):
                    problem = _problem(self.uri, error)
                elif failures > _MOST_READ_FAILURES:
                    problem = SourceError(f"{self.uri}: the video is damaged from here on")
                else:
                    continue
            raise problem


def upright_bgr(frame: VideoFrame) -> Image:
    """A decoded frame's pixels as BGR, turned and mirrored as its display matrix says."""
    # swscale's own threads cost twice the processor time here, and their number is the host's
    image = frame.to_ndarray(format="bgr24", threads=1)
    side_data = cast(Mapping[object, Buffer], frame.side_data)  # PyAV's stub knows one kind only
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is not None:
        image = _turned(np.asarray(image, np.uint8), np.frombuffer(bytes(matrix), np.int32))
    return np.ascontiguousarray(image, np.uint8)


def _turned(image: Image, matrix: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Image:
    """Apply FFmpeg's 3x3 display matrix [a b u; c d v; x y w]: x' = ax + cy, y' = bx + dy.

    Only quarter turns and mirroring; anything between is rounded to the nearest.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    turned: Image = cv2.transpose(image)  # type: ignore[assignment]  # stubs: any Mat
    return turned[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]


def _open(uri: Path | SourceUrl) -> InputContainer:
    try:
        if isinstance(uri, Path):
            return _open_file(uri)
        return av.open(
            uri.reveal(),
            "r",
            options=_options(uri.scheme),
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S[uri.scheme]),
        )
    except FFmpegError as error:
        problem = _problem(uri, error)
    except OSError as error:
        problem = SourceError(f"{uri}: {error.strerror or 'cannot be opened'}")
    # outside the handler, so that no traceback ever shows FFmpeg's message with the address
    raise problem


def _open_file(path: Path) -> InputContainer:
    # "file:" because NVRs put colons into names; a playlist in disguise must not reach the network
    return av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"})


def _options(scheme: str) -> dict[str, str]:
    """FFmpeg's options for a network source; its times are in microseconds."""
    wait = str(round(READ_TIMEOUT_S[scheme] * 1e6))
    options = {"timeout": wait, "fpsprobesize": "0"}  # don't wait a second to guess the rate
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"
    return options


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


def _problem(uri: Path | SourceUrl, error: FFmpegError) -> SourceError:
    """FFmpeg's error as one line; its own text holds the whole address."""
    meaning = _MEANINGS.get(type(error))
    if meaning is None and isinstance(uri, SourceUrl) and error.errno == 5:
        meaning = "host not found, or the connection broke"
    if meaning is None:
        text = " ".join(str(error.strerror).split())
        meaning = uri.redact(text) if isinstance(uri, SourceUrl) else text
    refused = isinstance(error, _REFUSALS)
    return (RefusedError if refused else SourceError)(f"{uri}: {meaning}")
