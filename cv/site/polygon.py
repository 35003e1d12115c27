"""What a zone's polygon has to be."""

from __future__ import annotations

from shapely import Polygon
from shapely.validation import explain_validity

from cv.geometry import Point

__all__ = ["sound_polygon"]

_LEAST_AREA = 1e-5


def sound_polygon(points: list[Point]) -> list[Point]:
    """The corners of a polygon in 0..1, without the first one said again at its end.

    Raises:
        ValueError: it has no area, or crosses itself.
    """
    if len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    if len(points) < 3:
        raise ValueError(f"has {len(points)} points; a polygon needs 3 or more")
    polygon = Polygon(points)
    if polygon.convex_hull.area < _LEAST_AREA:
        raise ValueError("has no area: its points lie on one line")
    if not polygon.is_valid:
        raise ValueError(_flaw(polygon))
    return points


def _flaw(polygon: Polygon) -> str:
    """`Self-intersection[0.5 0.25]` of GEOS as `crosses or touches itself at [0.5, 0.25]`."""
    what, _, where = explain_validity(polygon).rstrip("]").partition("[")
    point = ", ".join(f"{float(part):.3g}" for part in where.split())
    what = "crosses or touches itself" if "ntersection" in what else f"is no polygon: {what}"
    return f"{what} at [{point}]"
