"""Real clips against what a person saw in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import inf
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cv.bench.incidents import Look, found_in, report
from cv.bench.outcome import Faults, Happened, Outcome, Place, compared
from cv.detect.detector import Detector
from cv.detect.frames import Recording, find_sources, open_recording
from cv.detect.letterbox import input_shape
from cv.detect.recording import CHINA_TIME
from cv.detect.view import View
from cv.detect.watch import EASE
from cv.geometry import UNIT, Box
from cv.labels import Matter
from cv.site.build import own_change
from cv.site.file import RuleKeys
from cv.site.model import Zone
from cv.site.values import Id, Kind, ZonePolygon

__all__ = ["Clip", "clips", "watch_clip"]

_FILE = Path(__file__).with_name("clips.toml")
_START = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Zone(RuleKeys):
    """A zone as in a site file."""

    id: Id
    kind: Kind
    polygon: ZonePolygon


class _Place(_Table):
    """Where it is in one view: x1, y1, x2, y2 in 0..1, and when, in seconds."""

    box: tuple[float, float, float, float]
    since: Annotated[float | None, Field(alias="from")] = None
    until: float | None = None


class _Standing(_Table):
    """Something that stands in a lane."""

    zone: Id
    places: list[_Place]
    since: Annotated[float, Field(alias="from")] = 0.0
    certain: bool = True


class _Turned(_Table):
    """The camera shows another view than at first; times in seconds."""

    since: Annotated[float, Field(alias="from")]
    until: float = inf


class Clip(_Table):
    """One clip and what stands in it."""

    file: str
    about: str
    every: float
    zones: list[_Zone]
    standing: list[_Standing] = []
    turned: list[_Turned] = []


def clips(videos: Path) -> tuple[list[Clip], list[str]]:
    """The clips whose files are in a folder, and the names of those that are not."""
    known = [Clip.model_validate(c) for c in tomllib.loads(_FILE.read_text("utf-8"))["clips"]]
    there = [clip for clip in known if (videos / clip.file).is_file()]
    return there, [clip.file for clip in known if clip not in there]


def watch_clip(clip: Clip, videos: Path, detector: Detector) -> Outcome:
    """Watch a clip and compare.

    Raises:
        SourceError: the file cannot be read.
    """
    (source,) = find_sources([str(videos / clip.file)])
    zones = [
        Zone(table.id, table.id, table.kind, tuple(table.polygon), own_change(table, table.id))
        for table in clip.zones
    ]
    with open_recording(source, every_s=clip.every, start=_START, tz=CHINA_TIME) as recording:
        seen = _Looks(recording, detector, clip.turned)
        first = next(seen)
        reported = report(
            chain([first], seen), seen.size, zones, detector.thresholds, clip.every, tz=CHINA_TIME
        )
    happened = [_happened(standing, seen.size) for standing in clip.standing]
    return compared(clip.file, happened, reported, seen.faults, last=seen.last, every_s=clip.every)


class _Looks:
    """What the model sees in each look; knows the picture's size once there was one."""

    def __init__(self, recording: Recording, detector: Detector, turned: Sequence[_Turned]) -> None:
        self._frames = iter(recording)
        self._detector = detector
        self._turned = turned
        self._view = View()
        self.size = (0, 0)
        self.last = _START
        self.faults = Faults()

    def __iter__(self) -> Iterator[Look]:
        return self

    def __next__(self) -> Look:
        frame = next(self._frames)
        self.size = frame.picture.size
        self.last = frame.time
        picture = frame.picture.fitted(input_shape(*self.size)).inside
        shown = self._view.look(picture, frame.time)
        time_s = (frame.time - _START).total_seconds()
        turned = any(span.since <= time_s < span.until for span in self._turned)
        self.faults.look(raised=self._view.moved, true=turned)
        found = found_in(
            shown,
            lambda: self._detector.detect_in(frame.picture, ease=EASE),
            self._detector.thresholds,
        )
        return frame.time, found


def _happened(standing: _Standing, size: tuple[int, int]) -> Happened:
    return Happened(
        Matter.BLOCKED_LANE,
        standing.zone,
        _START + timedelta(seconds=standing.since),
        None,
        tuple(
            Place(Box(*p.box).resized(UNIT, size), _moment(p.since), _moment(p.until))
            for p in standing.places
        ),
        standing.certain,
    )


def _moment(time_s: float | None) -> datetime | None:
    return None if time_s is None else _START + timedelta(seconds=time_s)
