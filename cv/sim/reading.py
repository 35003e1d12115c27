"""Reading scenario files, and what is wrong in one beyond its tables and keys."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from pathlib import Path

from pydantic import ValidationError

from cv.errors import UserError
from cv.labels import matter_for
from cv.sim.scenario import SHAPES, Scenario, Thing, TrueIncident, count_of_moments
from cv.site.errors import problems_of
from cv.site.polygon import sound_polygon

__all__ = ["load_scenario", "too_many_pictures"]

_MOST = 1_000_000
"""Pictures of a clip, or passers of one kind: eleven days at one a second."""
_SPANS = ("things", "passers", "gaps", "bumps", "incidents")


def load_scenario(file: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        UserError: names the file and what is wrong in it.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        scenario = Scenario.model_validate(data)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{file}: {next(problems_of(error, Scenario))}") from error
    except RecursionError as error:
        raise UserError(f"{file}: not a scenario: nested too deeply") from error
    except ValueError as error:  # TOML's or UTF-8's
        raise UserError(f"{file}: not a scenario: {error}") from error
    for problem in _problems(scenario):
        raise UserError(f"{file}: {problem}")
    return scenario


def too_many_pictures(scenario: Scenario, every_s: float) -> str | None:
    """Why nobody would want so many pictures of it, or None."""
    count = count_of_moments(scenario, every_s)
    return f"{count} pictures; at most {_MOST} make a clip" if count > _MOST else None


def _problems(scenario: Scenario) -> Iterator[str]:
    # In this order: what comes later needs what comes before to be sound.
    for name in ("things", "zones"):
        ids = Counter(item.id for item in getattr(scenario, name))
        yield from (f"{name}: the id {key!r} is used twice" for key in ids if ids[key] > 1)
    for thing in scenario.things:
        yield from (f"things {thing.id}: {problem}" for problem in _of_thing(thing))
    yield from _of_times(scenario)
    yield from _of_zones(scenario)
    for number, truth in enumerate(scenario.incidents):
        yield from (f"incidents[{number}]: {problem}" for problem in _of_truth(scenario, truth))


def _of_thing(thing: Thing) -> Iterator[str]:
    if (thing.at is None) == (thing.path is None) or (thing.path and len(thing.path) < 2):
        yield "give at, or path with two places or more"
    shapes = SHAPES.get(thing.kind, ())
    if thing.shape and thing.shape not in shapes:
        choice = ", ".join(shapes) or "none"
        yield f"{thing.kind} has no shape {thing.shape!r}; it may be {choice}"
    if thing.path:
        yield from _of_path(thing, [time_s for time_s, _, _ in thing.path])


def _of_path(thing: Thing, times: Sequence[float]) -> Iterator[str]:
    if times != sorted(times):
        yield "the times of its path must not go back"
    if times[0] == times[-1]:
        yield "its path takes no time"
    if thing.since or thing.until is not None:
        yield "its path says from when until when; leave out from and until"


def _of_times(scenario: Scenario) -> Iterator[str]:
    duration = scenario.duration
    for name in _SPANS:
        for number, span in enumerate(getattr(scenario, name)):
            if span.until is not None and span.until < span.since:
                yield f"{name}[{number}]: until is before from"
            if span.until is not None and span.until > duration:
                yield f"{name}[{number}]: until is after the end, {duration:g} s"
    many = too_many_pictures(scenario, scenario.every)
    if many:
        yield f"every: {many}"
    for number, passers in enumerate(scenario.passers):
        if (scenario.end_of(passers) - passers.since) / passers.every > _MOST:
            yield f"passers[{number}].every: more than {_MOST} of them"
    try:
        # The end has a date anywhere in the world, too.
        (scenario.start.astimezone(UTC) + timedelta(seconds=duration, days=1)).isoformat()
        there = scenario.start.astimezone(scenario.timezone)
    except OverflowError:
        yield "start: out of the calendar's range"
        return
    if there.utcoffset() != scenario.start.utcoffset():
        # Hours are in the time zone; `start` should leave no doubt which one is meant.
        yield f"start: {there.isoformat()} in {scenario.timezone}; give timezone, or write it so"


def _of_zones(scenario: Scenario) -> Iterator[str]:
    camera, lens = scenario.camera, scenario.camera.lens()
    if camera.distortion < lens.least_distortion:
        yield (
            f"camera.distortion: below {lens.least_distortion:.3f} no lens of "
            f"field {camera.field:g} has a picture with corners"
        )
        return
    for zone in scenario.zones:
        try:
            sound_polygon(list(lens.polygon(zone.ground)))
        except ValueError as error:
            yield f"zones {zone.id}: ground {error}"


def _of_truth(scenario: Scenario, truth: TrueIncident) -> Iterator[str]:
    """An incident that cannot be would be taken for a mistake of the rules."""
    things = {thing.id: thing for thing in scenario.things}
    zones = {zone.id: zone for zone in scenario.zones}
    thing, zone = things.get(truth.thing), zones.get(truth.zone)
    if thing is None:
        yield f"no thing {truth.thing!r}; there are {', '.join(sorted(things))}"
    if zone is None:
        yield f"no zone {truth.zone!r}; there are {', '.join(sorted(zones))}"
    if thing is None or zone is None:
        return
    if not scenario.is_there(thing, truth.since):
        yield f"from: {thing.id} is not there then"
    matter = matter_for(thing.kind, zone.kind)
    if matter != truth.matter:
        yield f"matter: {thing.kind} in a {zone.kind} zone makes {matter or 'none'}"
