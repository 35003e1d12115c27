"""Where a still object stands: the zones of one camera, and the rule that holds in each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from shapely import Polygon

from cv.detect.still import StillObject
from cv.geometry import Box, Edges, areas, edges, overlap, pixel_polygon, shared_areas
from cv.labels import LABELS, Matter, ZoneKind, matter_for
from cv.site import Rule, Zone

__all__ = ["CameraZones", "footprint"]

_ORDER = (
    ZoneKind.FIRE_LANE,
    ZoneKind.BIKE_LANE,
    ZoneKind.LANE,
    ZoneKind.FRONTAGE,
    ZoneKind.NO_VENDING,
    ZoneKind.NO_DUMPING,
)
"""Where zones overlap, an object belongs to the first of these that it satisfies."""

_NUMBERS = {label: number for number, label in enumerate(LABELS)}
_STAY = 0.8
"""An object leaves a zone at this share of the overlap that it needs to enter (hysteresis)."""
_MOVED = 0.02
"""Share of its own size by which a box must move before its overlaps are measured again."""


def footprint(box: Box) -> Box:
    """The lower half of a box: where a thing meets the ground, which is what a zone is drawn on."""
    return Box(box.x1, (box.y1 + box.y2) / 2, box.x2, box.y2)


class _Drawn(NamedTuple):
    """The zones in pixels of one picture size, and their bounds."""

    polygons: list[Polygon]
    bounds: Edges


class _Measured:
    """The share of a box in a zone, and how far the box may move before it is another."""

    __slots__ = ("_slack", "_x1", "_x2", "_y1", "_y2", "share")

    def __init__(self, box: Box, share: float) -> None:
        self._x1, self._y1, self._x2, self._y2 = box
        self._slack = _MOVED * max(box.width, box.height)
        self.share = share

    def holds_for(self, box: Box) -> bool:
        x1, y1, x2, y2 = box
        slack = self._slack
        return (
            -slack <= x1 - self._x1 <= slack
            and -slack <= y1 - self._y1 <= slack
            and -slack <= x2 - self._x2 <= slack
            and -slack <= y2 - self._y2 <= slack
        )


class CameraZones:
    """The zones of one camera in which something can be filed.

    Args:
        zones: its zones.
        rule_of: the rule for a label in a zone, or None; the same at every look.
        clock: the site's time zone, for rules with hours.
    """

    def __init__(
        self, zones: Sequence[Zone], rule_of: Callable[[Zone, str], Rule | None], clock: ZoneInfo
    ) -> None:
        ordered = sorted(
            (zone for zone in zones if zone.kind in _ORDER),
            key=lambda zone: _ORDER.index(zone.kind),
        )
        self._zones = {zone.id: zone for zone in ordered}
        self._numbers = {zone: n for n, zone in enumerate(self._zones)}
        self._clock = clock
        self._rules = {
            (zone.id, label): rule
            for zone in ordered
            for label in LABELS
            if (rule := rule_of(zone, label)) is not None
        }
        # The last column is that of any other label.
        self._needed = np.array(
            [[self._overlap_needed(zone.id, label) for label in (*LABELS, "")] for zone in ordered]
        )
        self._drawn: dict[tuple[int, int], _Drawn] = {}
        self._measured: dict[tuple[int, str], _Measured] = {}

    def __contains__(self, zone: str) -> bool:
        return zone in self._zones

    def matter(self, label: str, zone: str) -> Matter | None:
        """What an object of this label makes in a zone, given by its id."""
        return matter_for(label, self._zones[zone].kind)

    def pairs(
        self,
        things: Sequence[StillObject],
        known: Collection[tuple[int, str]],
        size: tuple[int, int],
    ) -> Iterator[tuple[StillObject, str]]:
        """What may have to do with one another: known pairs, and objects of which enough lies in
        the bounds of a zone that has a rule for their label.

        Args:
            known: keys of objects and ids of zones.

        Yields:
            Objects and ids of zones: zone by zone, the gravest first, objects in their order.
        """
        numbers = {thing.key: n for n, thing in enumerate(things)}
        self._forget(numbers)
        if not things or not self._zones:
            return
        boxes = edges([thing.box for thing in things])
        boxes[1] = (boxes[1] + boxes[3]) / 2
        labels = [_NUMBERS.get(thing.label, -1) for thing in things]
        shared = shared_areas(self._draw(size).bounds, boxes)
        near = (shared > 0) & (shared >= self._needed.take(labels, axis=1) * areas(boxes))
        for key, zone in known:
            if key in numbers:
                near[self._numbers[zone], numbers[key]] = True
        ids = list(self._zones)
        for n in np.flatnonzero(near).tolist():
            zone_number, number = divmod(n, len(things))
            yield things[number], ids[zone_number]

    def may_hold(self, label: str, box: Box, size: tuple[int, int]) -> bool:
        """Whether any part of a thing stands in a zone that has a rule for its label."""
        polygons = self._draw(size).polygons
        return any(
            (zone, label) in self._rules and overlap(footprint(box), polygons[number]) > 0
            for zone, number in self._numbers.items()
        )

    def rule(
        self, thing: StillObject, zone: str, time: datetime, size: tuple[int, int], *, entered: bool
    ) -> Rule | None:
        """The rule that holds for the object in this zone now, or None.

        Args:
            entered: it was in the zone before, and needs less overlap to stay.
        """
        rule = self._rules.get((zone, thing.label))
        if rule is None or not rule.active.covers(time, self._clock):
            return None
        needed = rule.overlap * (_STAY if entered else 1.0)
        return rule if self._overlap(thing, zone, size) >= needed else None

    def _overlap_needed(self, zone: str, label: str) -> float:
        """To enter; more than there can be where the zone has no rule for the label."""
        rule = self._rules.get((zone, label))
        return rule.overlap if rule else 2.0

    def _overlap(self, thing: StillObject, zone: str, size: tuple[int, int]) -> float:
        """Measured again only when the box moved: still objects seldom do."""
        place, box = (thing.key, zone), thing.box
        measured = self._measured.get(place)
        if measured is None or not measured.holds_for(box):
            polygon = self._draw(size).polygons[self._numbers[zone]]
            measured = _Measured(box, overlap(footprint(box), polygon))
            self._measured[place] = measured
        return measured.share

    def _draw(self, size: tuple[int, int]) -> _Drawn:
        if size not in self._drawn:
            polygons = [pixel_polygon(zone.polygon, *size) for zone in self._zones.values()]
            self._drawn[size] = _Drawn(polygons, edges([Box(*p.bounds) for p in polygons]))
        return self._drawn[size]

    def _forget(self, kept: Container[int]) -> None:
        """Drop what was measured of objects that are no more, by their keys."""
        for place in [place for place in self._measured if place[0] not in kept]:
            del self._measured[place]
