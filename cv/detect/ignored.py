"""Zones of kind `ignore`: what stands in one was not seen."""

from __future__ import annotations

from collections.abc import Sequence

from shapely import Polygon

from cv.detect.detector import Detection
from cv.detect.zones import footprint
from cv.geometry import overlap, pixel_polygon
from cv.labels import ZoneKind
from cv.site import Zone

__all__ = ["IgnoreZones"]

_IGNORED_FROM = 0.5


class IgnoreZones:
    """The `ignore` zones of one camera, for pictures of any size."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        self._polygons = [zone.polygon for zone in zones if zone.kind is ZoneKind.IGNORE]
        self._in_pixels: dict[tuple[int, int], list[Polygon]] = {}

    def visible(self, detections: Sequence[Detection], size: tuple[int, int]) -> list[Detection]:
        """Those whose footprint is less than half in such a zone; `size` is (width, height)."""
        if size not in self._in_pixels:
            self._in_pixels[size] = [pixel_polygon(p, *size) for p in self._polygons]
        zones = self._in_pixels[size]
        return [
            d
            for d in detections
            if all(overlap(footprint(d.box), z) < _IGNORED_FROM for z in zones)
        ]
