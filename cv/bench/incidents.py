"""Whether incidents are right: the rules over whole scenarios, against what really happened.

On perfect boxes (every thing that is less than two thirds hidden is seen, with its right box) only
the rules can be wrong, so their errors are told apart from the model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from cv.detect.detector import Detection
from cv.detect.incident import Incident
from cv.detect.rules import IncidentRules
from cv.detect.still import StillObjects
from cv.geometry import Box, iou
from cv.labels import LABELS
from cv.sim.scenario import Scenario, TrueIncident, ZoneOnGround, load_scenario
from cv.sim.scene import Scene
from cv.site.build import own_change
from cv.site.model import Zone
from cv.site.rules import Rule, effective_rule

__all__ = ["Outcome", "Summary", "own_scenarios", "play", "summary"]

CHINA_TIME = ZoneInfo("Asia/Shanghai")
_SEEN_BELOW = 2 / 3
_SCORE = 0.9
_SAME_PLACE_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario.

    Attributes:
        true: incidents that happened.
        found: of them, those that were reported.
        false: reported incidents that did not happen.
        duplicates: reports of an incident beyond its first.
        open_delays_s, clear_delays_s: how much later than the rule says each was opened and
            cleared; below 0 is too early. An incident that was never cleared, or though its thing
            still stood, has an infinite one.
    """

    name: str
    true: int
    found: int
    false: int
    duplicates: int
    open_delays_s: tuple[float, ...]
    clear_delays_s: tuple[float, ...]
    every_s: float

    @property
    def exact(self) -> bool:
        """Nothing missed, made up or doubled, and no delay of more than one look."""
        delays = (*self.open_delays_s, *self.clear_delays_s)
        on_time = all(-self.every_s <= delay <= self.every_s for delay in delays)
        return self.found == self.true and not self.false and not self.duplicates and on_time


@dataclass(frozen=True, slots=True)
class Summary:
    """All scenarios; the delays are the largest ones, either way."""

    precision: float
    recall: float
    duplicates: int
    open_delay_s: float
    clear_delay_s: float
    scenarios: int


def own_scenarios() -> list[Path]:
    """The scenario files that come with kerbwatch."""
    folder = Path(str(files("cv.sim").joinpath("scenarios")))
    return sorted(folder.glob("*.toml"))


def play(file: Path) -> Outcome:
    """Run the rules over a scenario on perfect boxes.

    Raises:
        UserError: the file is no scenario.
    """
    scenario = load_scenario(file)
    scene = Scene(scenario)
    reported = _report(scenario, scene)
    return _compare(scenario, scene, reported)


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """What all scenarios add up to."""
    found, true = sum(o.found for o in outcomes), sum(o.true for o in outcomes)
    false = sum(o.false for o in outcomes)
    return Summary(
        precision=found / (found + false) if found + false else 1.0,
        recall=found / true if true else 1.0,
        duplicates=sum(o.duplicates for o in outcomes),
        open_delay_s=_largest(d for o in outcomes for d in o.open_delays_s),
        clear_delay_s=_largest(d for o in outcomes for d in o.clear_delays_s),
        scenarios=len(outcomes),
    )


def _largest(delays: Iterator[float]) -> float:
    return max(delays, key=abs, default=0.0)


def _zones(scenario: Scenario, scene: Scene) -> dict[str, Zone]:
    return {table.id: _zone(table, scene) for table in scenario.zones}


def _zone(table: ZoneOnGround, scene: Scene) -> Zone:
    change = own_change(table, table.id)
    return Zone(table.id, table.id, table.kind, scene.lens.polygon(table.ground), change)


def _rule(zone: Zone, label: str) -> Rule | None:
    return effective_rule(zone.kind, label, [zone.change] if zone.change else [])


def _report(scenario: Scenario, scene: Scene) -> list[Incident]:
    """Every incident as of its last change."""
    still = StillObjects(dict.fromkeys(LABELS, 0.5))
    rules = IncidentRules(
        "sim",
        list(_zones(scenario, scene).values()),
        _rule,
        zone_time=CHINA_TIME,
        longest_gap_s=max(30.0, 3 * scenario.every),
    )
    latest: dict[str, Incident] = {}
    size = scenario.camera.size
    for time_s in _looks(scenario):
        time = scenario.start.astimezone(UTC) + timedelta(seconds=time_s)
        detections = [
            Detection(seen.label, _SCORE, seen.box)
            for seen in scene.seen(time_s)
            if seen.hidden < _SEEN_BELOW
        ]
        still.look(detections, time, size, rules.is_open)
        for change in rules.look(still.objects, time, size):
            latest[change.incident.id] = replace(change.incident)
    return sorted(latest.values(), key=lambda incident: incident.first_seen)


def _looks(scenario: Scenario) -> Iterator[float]:
    count = int(scenario.duration / scenario.every)
    for time_s in (number * scenario.every for number in range(count)):
        if not any(gap.since <= time_s < scenario.end_of(gap) for gap in scenario.gaps):
            yield time_s


def _compare(scenario: Scenario, scene: Scene, reported: Sequence[Incident]) -> Outcome:
    matches: list[list[Incident]] = [[] for _ in scenario.incidents]
    false = 0
    for incident in reported:
        own = [n for n, t in enumerate(scenario.incidents) if _is_it(incident, t, scenario, scene)]
        if own:
            matches[own[0]].append(incident)
        else:
            false += 1
    pairs = [(t, m[0]) for t, m in zip(scenario.incidents, matches, strict=True) if m]
    return Outcome(
        name=scenario.name,
        true=len(scenario.incidents),
        found=len(pairs),
        false=false,
        duplicates=sum(len(m) - 1 for m in matches if m),
        open_delays_s=tuple(_open_delay(t, i, scenario) for t, i in pairs),
        clear_delays_s=tuple(
            d for t, i in pairs if (d := _clear_delay(t, i, scenario)) is not None
        ),
        every_s=scenario.every,
    )


def _is_it(incident: Incident, true: TrueIncident, scenario: Scenario, scene: Scene) -> bool:
    if (incident.matter, incident.zone) != (true.matter, true.zone):
        return False
    begin, end = _moment(scenario, true.since), _moment(scenario, scenario.end_of(true))
    if incident.first_seen > end or incident.last_seen < begin:
        return False
    box = _box_of(true.thing, true.since, scene)
    return box is not None and iou(box, incident.first_box) >= _SAME_PLACE_IOU


def _box_of(thing: str, time_s: float, scene: Scene) -> Box | None:
    return next((seen.box for seen in scene.seen(time_s) if seen.name == thing), None)


def _moment(scenario: Scenario, time_s: float) -> datetime:
    return scenario.start.astimezone(UTC) + timedelta(seconds=time_s)


def _open_delay(true: TrueIncident, incident: Incident, scenario: Scenario) -> float:
    due = _moment(scenario, true.since + incident.rule.dwell_s)
    return (incident.confirmed_at - due).total_seconds()


def _clear_delay(true: TrueIncident, incident: Incident, scenario: Scenario) -> float | None:
    """None where it neither should have been cleared nor was."""
    due_s = None if true.until is None else true.until + incident.rule.clear_s
    expected = due_s is not None and due_s < scenario.duration
    if not expected and incident.cleared_at is None:
        return None
    if due_s is None or incident.cleared_at is None:
        return float("inf")
    return (incident.cleared_at - _moment(scenario, due_s)).total_seconds()
