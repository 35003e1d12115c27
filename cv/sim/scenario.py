"""Scenario files: what stands and moves in a simulated street, where, from when until when."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
)

from cv.errors import UserError
from cv.labels import LABELS, Matter
from cv.sim.lens import Lens
from cv.site.errors import problems_of
from cv.site.file import RuleKeys
from cv.site.values import (
    Duration,
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
    "load_scenario",
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
    every: Time
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
    every: Time = 1.0
    seed: int = 0
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

    def bump_at(self, time_s: float) -> Bump | None:
        """What the camera was bumped by, if it is at this moment."""
        held = (b for b in self.bumps if b.since <= time_s < self.end_of(b))
        return next(held, None)

    def end_of(self, span: _Span) -> float:
        """When a span ends, in seconds since the start."""
        return self.duration if span.until is None else span.until


def moments(scenario: Scenario, every_s: float | None = None) -> Iterator[float]:
    """When the camera gives a picture, in seconds since the start."""
    step = scenario.every if every_s is None else every_s
    # Not a sum of steps: these would drift.
    for number in range(math.ceil(scenario.duration / step - 1e-9)):
        time_s = number * step
        if not any(gap.since <= time_s < scenario.end_of(gap) for gap in scenario.gaps):
            yield time_s


def load_scenario(file: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        UserError: names the file and what is wrong in it.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        scenario = Scenario.model_validate(data)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{file}: {next(problems_of(error, Scenario))}") from error
    except ValueError as error:  # TOML's or UTF-8's
        raise UserError(f"{file}: not a scenario: {error}") from error
    for problem in _disagreements(scenario):
        raise UserError(f"{file}: {problem}")
    return scenario


def _unclear_time(scenario: Scenario) -> Iterator[str]:
    """Hours are in the time zone; `start` should leave no doubt which one is meant."""
    there = scenario.start.astimezone(scenario.timezone)
    if there.utcoffset() != scenario.start.utcoffset():
        yield f"start: {there.isoformat()} in {scenario.timezone}; give timezone, or write it so"


def _unseen(scenario: Scenario) -> Iterator[str]:
    camera, lens = scenario.camera, scenario.camera.lens()
    if camera.distortion < lens.least_distortion:
        yield (
            f"camera.distortion: below {lens.least_distortion:.3f} no lens of "
            f"field {camera.field:g} has a picture with corners"
        )
        return
    for zone in scenario.zones:
        try:
            lens.polygon(zone.ground)
        except ValueError as error:
            yield f"zones {zone.id}: {error}"


def _disagreements(scenario: Scenario) -> Sequence[str]:
    things, zones = {t.id for t in scenario.things}, {z.id for z in scenario.zones}
    problems = [
        f"things {thing.id}: give at, or path with two places or more"
        for thing in scenario.things
        if (thing.at is None) == (thing.path is None) or (thing.path and len(thing.path) < 2)
    ]
    for thing in scenario.things:
        shapes = SHAPES.get(thing.kind, ())
        if thing.shape and thing.shape not in shapes:
            choice = ", ".join(shapes) or "none"
            problem = f"{thing.kind} has no shape {thing.shape!r}; it may be {choice}"
            problems.append(f"things {thing.id}: {problem}")
        times = [time_s for time_s, _, _ in thing.path or ()]
        if times != sorted(times):
            problems.append(f"things {thing.id}: the times of its path must not go back")
    lists = ("things", "passers", "gaps", "bumps", "incidents")
    problems += [
        f"{name}[{number}]: until is before from"
        for name in lists
        for number, span in enumerate(getattr(scenario, name))
        if span.until is not None and span.until < span.since
    ]
    problems += _unclear_time(scenario)
    problems += _unseen(scenario)
    for truth in scenario.incidents:
        for kind, name, known in (("thing", truth.thing, things), ("zone", truth.zone, zones)):
            if name not in known:
                choice = ", ".join(sorted(known))
                problems.append(f"incidents: no {kind} {name!r}; there are {choice}")
    if len(things) < len(scenario.things):
        problems.append("things: an id is used twice")
    return problems
