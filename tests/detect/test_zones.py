"""Which zones a still object stands in, and which rule holds there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cv.detect.still import StillObject
from cv.detect.zones import CameraZones
from cv.geometry import Box
from cv.labels import ZoneKind
from cv.site import Rule, Zone

SIZE = (1000, 1000)
NOW = datetime(2026, 3, 14, 8, tzinfo=UTC)
RULE = Rule("test", dwell_s=60, overlap=0.5, presence=0.6, clear_s=120)
LEFT = Zone("left", "Left", ZoneKind.LANE, ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
ALL = Zone("all", "All", ZoneKind.FIRE_LANE, ((0, 0), (1, 0), (1, 1), (0, 1)))
IGNORED = replace(ALL, id="ignored", kind=ZoneKind.IGNORE)


def thing(x: float, label: str = "car", key: int = 1) -> StillObject:
    """A box of 200 x 120 whose left edge is at x."""
    box = Box(x, 600, x + 200, 720)
    return StillObject(key, box, box, box, NOW, NOW, votes={label: 1}, scores=[0.8])


def zones_of(*zones: Zone) -> CameraZones:
    return CameraZones(zones, lambda _, label: RULE if label == "car" else None, ZoneInfo("UTC"))


def pairs(
    zones: CameraZones, things: Sequence[StillObject], known: Sequence[tuple[int, str]] = ()
) -> list[tuple[int, str]]:
    return [(item.key, zone) for item, zone in zones.pairs(things, known, SIZE)]


def test_the_gravest_zone_comes_first_and_ignored_ones_not_at_all() -> None:
    zones = zones_of(LEFT, ALL, IGNORED)
    assert pairs(zones, [thing(100)]) == [(1, "all"), (1, "left")]
    assert "ignored" not in zones


def test_what_is_far_or_has_no_rule_is_no_pair_unless_it_was_one() -> None:
    things = [thing(700), thing(100, "person", key=2), thing(100, "umbrella", key=3)]
    assert pairs(zones_of(LEFT), things) == []
    assert pairs(zones_of(LEFT), things, [(1, "left"), (2, "left"), (9, "left")]) == [
        (1, "left"),
        (2, "left"),
    ]
    assert pairs(zones_of(), things) == []


def test_less_overlap_keeps_a_thing_in_than_lets_it_enter() -> None:
    zones = zones_of(LEFT)
    inside, outside, between = thing(395), thing(425, key=2), thing(410, key=3)

    def holds(item: StillObject, *, entered: bool) -> bool:
        return zones.rule(item, "left", NOW, SIZE, entered=entered) is RULE

    assert holds(inside, entered=False)
    assert not holds(between, entered=False)
    assert holds(between, entered=True)
    assert not holds(outside, entered=True)


def test_a_thing_that_moves_is_measured_again() -> None:
    zones, item = zones_of(LEFT), thing(100)
    assert zones.rule(item, "left", NOW, SIZE, entered=False) is RULE
    item.box = thing(600).box
    assert zones.rule(item, "left", NOW, SIZE, entered=False) is None
