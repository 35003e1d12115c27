"""Whether incidents are right: the rules over whole scenarios, against what really happened.

On perfect boxes (every thing that is less than two thirds hidden is seen, with its right box) only
the rules can be wrong, so their errors are told apart from the model's, which looks at the film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from cv.bench.outcome import Faults, Happened, Outcome, Place, compared
from cv.detect.change import ChangeGate
from cv.detect.detector import Detection, Detector
from cv.detect.every_second import EverySecond
from cv.detect.ignored import IgnoreZones
from cv.detect.incident import Incident
from cv.detect.rules import IncidentRules
from cv.detect.still import StillObjects
from cv.detect.view import Shown, View, is_look
from cv.detect.watch import EASE
from cv.geometry import Box, Image
from cv.labels import LABELS
from cv.sim.lens import Lens
from cv.sim.reading import load_scenario
from cv.sim.scenario import Scenario, ZoneOnGround, moments
from cv.sim.scene import SEEN_BELOW, Scene
from cv.site.build import own_change
from cv.site.model import Zone
from cv.site.rules import Rule, effective_rule

__all__ = [
    "GatedEyes",
    "ModelEyes",
    "PerfectEyes",
    "Seeing",
    "found_in",
    "own_scenarios",
    "play",
    "report",
]

_SCORE = 0.9
_REFRESH_S = 60.0  # as `kerbwatch detect` does by default
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 60]

Look = tuple[datetime, list[Detection] | None]
"""None: the camera shows another view than its zones were drawn on, or nothing."""


class Seeing(Protocol):
    """Looks at a scenario."""

    @property
    def lens(self) -> Lens: ...

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    @property
    def moved(self) -> bool:
        """Whether the camera fault is raised, as of the last look."""
        ...

    def look(self, time_s: float) -> list[Detection] | None:
        """What it sees at seconds since the start; None for another view, or none."""
        ...

    def boxes_of(self, thing: str, time_s: float) -> list[Box]:
        """Where a thing truly is in the picture; none if it is not in it."""
        ...


class PerfectEyes:
    """Sees whatever is less than two thirds hidden, with its right box."""

    def __init__(self, scenario: Scenario) -> None:
        self._scene = Scene(scenario)
        self.lens = self._scene.lens
        self.thresholds = dict.fromkeys(LABELS, 0.5)
        self.moved = False

    def look(self, time_s: float) -> list[Detection] | None:
        self.moved = self._scene.scenario.bump_at(time_s) is not None
        if self.moved:
            return None
        return [
            Detection(seen.label, _SCORE, seen.box)
            for seen in self._scene.seen(time_s)
            if seen.hidden < SEEN_BELOW
        ]

    def boxes_of(self, thing: str, time_s: float) -> list[Box]:
        return [seen.box for seen in self._scene.seen(time_s) if seen.name == thing]


class ModelEyes:
    """A model that looks at the film, as compressed as a camera's picture.

    Raises:
        UserError: Blender is not installed.
    """

    def __init__(self, scenario: Scenario, detector: Detector) -> None:
        from cv.sim.film import Film

        self._film = Film(scenario)
        self._detector = detector
        self._view = View()
        self.lens = self._film.lens
        self.thresholds = detector.thresholds

    @property
    def moved(self) -> bool:
        return self._view.moved

    def look(self, time_s: float) -> list[Detection] | None:
        picture = _compressed(self._film.frame(time_s)[0])
        shown = self._view.look(picture, datetime.fromtimestamp(time_s, UTC))
        return found_in(shown, lambda: self._detector.detect(picture, ease=EASE), self.thresholds)

    def boxes_of(self, thing: str, time_s: float) -> list[Box]:
        return [seen.box for seen in self._film.frame(time_s)[1] if seen.name == thing]


class GatedEyes:
    """Sees the right boxes, but looks anew only when the change gate says so on the film.

    Every second look is left out while it does not, however far apart looks are and whatever size
    the frames between them have. Stricter than a watch, which also looks anew while something waits
    to become an incident.

    Raises:
        UserError: Blender is not installed.
    """

    def __init__(self, scenario: Scenario) -> None:
        from cv.sim.film import Film

        self._film = Film(scenario)
        self._perfect = PerfectEyes(scenario)
        self.lens, self.thresholds = self._perfect.lens, self._perfect.thresholds
        zones = [self.lens.polygon(zone.ground) for zone in scenario.zones]
        self._gate = ChangeGate(zones, refresh_s=_REFRESH_S)
        self._every_second = EverySecond(every_s=1.0)
        self._due = 0
        self._start = scenario.start
        self._seen: list[Detection] | None = None

    @property
    def moved(self) -> bool:
        return self._perfect.moved

    def look(self, time_s: float) -> list[Detection] | None:
        self._due += 1
        if self._every_second.spares(delta_bytes=0, at_s=float(self._due)):
            return None
        self._every_second.begin_look()
        picture = _compressed(self._film.frame(time_s)[0])
        time = self._start + timedelta(seconds=time_s)
        changed = self._gate.look(picture, time, decided=lambda: True)
        self._every_second.end_look(is_still=not changed)
        if changed:
            self._seen = self._perfect.look(time_s)
        return self._seen

    def boxes_of(self, thing: str, time_s: float) -> list[Box]:
        return self._perfect.boxes_of(thing, time_s)


def own_scenarios() -> list[Path]:
    """The scenario files that come with kerbwatch."""
    folder = Path(str(files("cv.sim").joinpath("scenarios")))
    return sorted(folder.glob("*.toml"))


def play(file: Path, see: Callable[[Scenario], Seeing] = PerfectEyes) -> Outcome:
    """Run the rules over a scenario, on what some eyes see of it.

    Raises:
        UserError: the file is no scenario, or Blender is not installed.
    """
    scenario = load_scenario(file)
    eyes = see(scenario)
    start = scenario.start.astimezone(UTC)

    def moment(time_s: float) -> datetime:
        return start + timedelta(seconds=time_s)

    times = list(moments(scenario))
    faults = Faults()

    def looks() -> Iterator[Look]:
        for time_s in times:
            seen = eyes.look(time_s)
            faults.look(raised=eyes.moved, true=scenario.bump_at(time_s) is not None)
            yield moment(time_s), seen

    reported = report(
        looks(),
        scenario.camera.size,
        [_zone(table, eyes.lens) for table in scenario.zones],
        eyes.thresholds,
        scenario.every,
        tz=scenario.timezone,
    )
    happened = [
        Happened(
            true.matter,
            true.zone,
            moment(true.since),
            None if true.until is None else moment(true.until),
            tuple(map(Place, eyes.boxes_of(true.thing, true.since))),
        )
        for true in scenario.incidents
    ]
    last = moment(max(times, default=0.0))
    return compared(scenario.name, happened, reported, faults, last=last, every_s=scenario.every)


def found_in(
    shown: Shown, detect: Callable[[], list[Detection]], thresholds: Mapping[str, float]
) -> list[Detection] | None:
    """What the model finds in a picture; None where the look does not count."""
    if shown is Shown.ELSEWHERE:
        return None
    found = detect()
    return found if is_look(shown, found, thresholds) else None


def report(
    looks: Iterable[Look],
    size: tuple[int, int],
    zones: Sequence[Zone],
    thresholds: Mapping[str, float],
    every_s: float,
    *,
    tz: ZoneInfo,
) -> list[Incident]:
    """Every incident that the rules make of what was seen, as of its last change.

    Args:
        tz: of the rules' hours.
    """
    still = StillObjects(dict(thresholds))
    gap = max(30.0, 3 * every_s)
    rules = IncidentRules("bench", zones, _rule, zone_time=tz, longest_gap_s=gap)
    ignored = IgnoreZones(zones)
    latest: dict[str, Incident] = {}
    for time, detections in looks:
        if detections is None:
            continue
        still.look(ignored.visible(detections, size), time, size, rules.is_open)
        for change in rules.look(still.objects, time, size):
            latest[change.incident.id] = change.incident
    return sorted(latest.values(), key=lambda incident: incident.first_seen)


def _zone(table: ZoneOnGround, lens: Lens) -> Zone:
    change = own_change(table, table.id)
    return Zone(table.id, table.name or table.id, table.kind, lens.polygon(table.ground), change)


def _rule(zone: Zone, label: str) -> Rule | None:
    return effective_rule(zone.kind, label, [zone.change] if zone.change else [])


def _compressed(picture: Image) -> Image:
    _, data = cv2.imencode(".jpg", picture, _JPEG)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
