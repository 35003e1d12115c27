"""Scenario files: what stands and moves in a simulated street, where, from when until when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, Strict

from cv.labels import LABELS, Matter
from cv.sim.lens import Lens
from cv.site.file import RuleKeys
from cv.site.values import (
    Duration,
    Every,
    Id,
    Kind,
    Number,
    Text,
    Time,
    TimeZone,
    between,
    one_of,
)

__all__ = [
    "SHAPES",
    "Bump",
    "Passers",
    "Scenario",
    "StreetTable",
    "Thing",
    "TrueIncident",
    "ZoneOnGround",
    "count_of_moments",
    "moments",
]

SHAPES: dict[str, tuple[str, ...]] = {"street_stall": ("cart", "table", "mat")}
"""What a thing of a kind may look like, where there is a choice."""

Place = tuple[Number, Number]
"""x, y on the ground, in metres: x along the picture to the right, y away from the camera."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=False)


def _even(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd; H.264 wants even widths and heights")
    return value


_Side = Annotated[int, Strict(), between(64, 4096), AfterValidator(_even)]


class CameraTable(_Table):
    """[camera]"""

    size: tuple[_Side, _Side] = (1280, 720)
    height: Annotated[Number, between(2, 30)] = 6.0
    tilt: Annotated[Number, between(1, 89)] = 20.0
    pan: Annotated[Number, between(-60, 60)] = 0.0
    field: Annotated[Number, between(20, 120)] = 70.0
    distortion: Annotated[Number, between(-0.3, 0.3)] = -0.06
    sway: Annotated[Number, between(0, 20)] = 0.7
    """Pixels that wind moves the picture by, at most."""

    def lens(self, bump: Bump | None = None) -> Lens:
        """The camera as it hangs, or bumped."""
        return Lens(
            self.size,
            height_m=self.height,
            tilt_deg=self.tilt + (bump.tilt if bump else 0.0),
            pan_deg=self.pan + (bump.pan if bump else 0.0),
            field_deg=self.field,
            distortion=self.distortion,
        )


class StreetTable(_Table):
    """[street]"""

    side_entrances: list[Annotated[Number, between(0, 100)]] = []
    """How far along the street a door between the shops leads to the flats above them."""


class ZoneOnGround(RuleKeys):
    """[[zones]]: a site file's zone, but drawn on the ground in metres."""

    id: Id
    name: Text | None = None
    kind: Kind
    ground: Annotated[list[Place], Field(min_length=3)]


class _Span(_Table):
    """From when until when, since the scenario's start; without `until`, to its end."""

    since: Duration = Field(0.0, alias="from")
    until: Duration | None = None


class Thing(_Span):
    """[[things]]: one thing that stands at `at`, or moves along `path` of (time, x, y)."""

    id: Id
    kind: Annotated[str, one_of(*LABELS)]
    shape: str | None = None
    """One of its kind's `SHAPES`; by chance if there is none."""
    at: Place | None = None
    path: list[tuple[Duration, Number, Number]] | None = None
    turn: Number = 0.0
    """Degrees about the vertical; at 0 its length runs away from the camera."""


class Passers(_Span):
    """[[passers]]: people or vehicles that go from one place to another, about one `every`."""

    kind: Annotated[str, one_of(*LABELS)]
    start: Place
    end: Place
    every: Annotated[Time, between(0.1, 86400)]
    speed: Annotated[Number, between(0.1, 40)] = 1.3
    """Metres a second."""


class GapTable(_Span):
    """[[gaps]]: the stream gives nothing."""


class Bump(_Span):
    """[[bumps]]: the camera points elsewhere, by so many degrees to the right and down."""

    pan: Annotated[Number, between(-60, 60)] = 0.0
    tilt: Annotated[Number, between(-60, 60)] = 0.0


class TrueIncident(_Span):
    """[[incidents]]: what a perfect watcher would report; `from` and `until` are when the thing
    stands there while its rule is active.
    """

    thing: Id
    matter: Matter
    zone: Id


class Scenario(_Table):
    """A scenario file; times are seconds since `start`."""

    name: Text
    about: Text
    start: Annotated[AwareDatetime, Field(strict=True)]
    timezone: TimeZone = ZoneInfo("Asia/Shanghai")
    """Of the zones' hours, as a site file's."""
    duration: Time
    every: Every = 1.0
    seed: Annotated[int, Strict(), between(0, 2**32 - 1)] = 0
    light: Annotated[str, one_of("day", "dusk", "night")] = "day"
    rain: Annotated[Number, between(0, 1)] = 0.0
    camera: CameraTable = CameraTable()
    street: StreetTable = StreetTable()
    zones: list[ZoneOnGround]
    things: list[Thing] = []
    passers: list[Passers] = []
    gaps: list[GapTable] = []
    bumps: list[Bump] = []
    incidents: list[TrueIncident] = []

    def is_there(self, thing: Thing, time_s: float) -> bool:
        """Whether a thing is on the street at this moment."""
        if thing.path:
            return thing.path[0][0] <= time_s < thing.path[-1][0]
        return thing.since <= time_s < self.end_of(thing)

    def bump_at(self, time_s: float) -> Bump | None:
        """What the camera was bumped by, if it is at this moment."""
        held = (b for b in self.bumps if b.since <= time_s < self.end_of(b))
        return next(held, None)

    def end_of(self, span: _Span) -> float:
        """When a span ends, in seconds since the start."""
        return self.duration if span.until is None else span.until


def count_of_moments(scenario: Scenario, every_s: float) -> int:
    """How many pictures there are from its start to its end, gaps or not."""
    return math.ceil(scenario.duration / every_s - 1e-9)


def moments(scenario: Scenario, every_s: float | None = None) -> Iterator[float]:
    """When the camera gives a picture, in seconds since the start."""
    step = scenario.every if every_s is None else every_s
    # Not a sum of steps: these would drift.
    for number in range(count_of_moments(scenario, step)):
        time_s = number * step
        if not any(gap.since <= time_s < scenario.end_of(gap) for gap in scenario.gaps):
            yield time_s
