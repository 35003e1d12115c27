"""Helpers of the tests of recordings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cv.detect.frames import (
    Frame,
    Recording,
    Source,
    SourceKind,
    SourceStats,
    open_recording,
)
from cv.detect.keyframes import Decode
from tests.detect.clips import (
    number_of,
)

START = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)


def open_clip(
    path: Path,
    every_s: float | None = None,
    *,
    decode: Decode = Decode.AUTO,
    start: datetime = START,
) -> Recording:
    source = Source(SourceKind.RECORDING, path)
    return open_recording(source, every_s=every_s, decode=decode, start=start)


def look(path: Path, every_s: float | None = None, *, decode: Decode = Decode.AUTO) -> list[Frame]:
    with open_clip(path, every_s, decode=decode) as recording:
        return list(recording)


def look_and_count(path: Path, *, decode: Decode = Decode.AUTO) -> tuple[list[Frame], SourceStats]:
    with open_clip(path, decode=decode) as recording:
        return list(recording), recording.stats


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def media_times(frames: list[Frame]) -> list[float]:
    return [frame.media_s for frame in frames]
