"""A video track's packets, and what they and the file's index say of time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import av
from av import Packet
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from cv.detect.opening import DamagedError, problem_of
from cv.source_url import SourceUrl

__all__ = ["indexed_keyframes", "packets", "seconds"]

_MOST_READ_FAILURES = 100
_MOST_INDEXED = 3000  # two minutes of a file's index tell how it was encoded


def packets(
    container: InputContainer, stream: VideoStream, uri: Path | SourceUrl
) -> Iterator[Packet[VideoStream] | None]:
    """Packets of the track, and None for each of another; unreadable pieces are skipped.

    A camera's sound may go on when its picture does not. Asked for the track alone, FFmpeg would
    come back with its next packet, if ever, and its time-out is for when nothing comes at all.

    Raises:
        SourceError: it could not be read on, by a network share that is away, say; DamagedError
            where nothing more can be made of what was read.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux():
                failures = 0
                if packet.stream_index != stream.index:
                    yield None
                elif packet.size:  # an empty one would end decoding
                    yield cast("Packet[VideoStream]", packet)
            return
        except FFmpegError as error:
            failures += 1
            if isinstance(error, OSError | av.error.ExitError):
                problem = problem_of(uri, error)
            elif not isinstance(error, av.error.InvalidDataError):
                problem = DamagedError(str(problem_of(uri, error)))
            elif failures > _MOST_READ_FAILURES:
                problem = DamagedError(f"{uri}: the video is damaged from here on")
            else:
                continue
        raise problem


def indexed_keyframes(stream: VideoStream) -> list[float]:
    """Seconds of the first key frames by the file's index; of a stream there are none."""
    entries = islice(stream.index_entries, _MOST_INDEXED)
    stamps = [seconds(stream, entry.timestamp) for entry in entries if entry.is_keyframe]
    return [stamp for stamp in stamps if stamp is not None]


def seconds(stream: VideoStream, stamp: int | None) -> float | None:
    """A time stamp of the track."""
    if stamp is None or stream.time_base is None:
        return None
    return float(stamp * stream.time_base)
