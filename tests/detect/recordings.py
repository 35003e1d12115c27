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
from tests.detect.clips import (
    number_of,
)

START = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)


def open_clip(
    path: Path, every_s: float | None = None, *, keyframes: bool = False, start: datetime = START
) -> Recording:
    source = Source(SourceKind.RECORDING, path)
    return open_recording(source, every_s=every_s, keyframes=keyframes, start=start)


def look(path: Path, every_s: float | None = None, *, keyframes: bool = False) -> list[Frame]:
    with open_clip(path, every_s, keyframes=keyframes) as recording:
        return list(recording)


def look_and_count(path: Path, *, keyframes: bool = False) -> tuple[list[Frame], SourceStats]:
    with open_clip(path, keyframes=keyframes) as recording:
        return list(recording), recording.stats


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def media_times(frames: list[Frame]) -> list[float]:
    return [frame.media_s for frame in frames]
