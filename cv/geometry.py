"""Boxes and polygons.

A box is (x1, y1, x2, y2) in pixels of the upright image, x to the right, y down.
A zone's polygon is a sequence of (x, y) in 0..1 of the image's width and height.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from shapely import Polygon, prepare
from shapely import box as shapely_box

__all__ = ["Box", "Image", "Point", "iou", "overlap", "pixel_polygon"]

Image = npt.NDArray[np.uint8]
"""An upright picture: uint8 [height, width, 3], BGR."""

Point = tuple[float, float]


class Box(NamedTuple):
    """(x1, y1, x2, y2) in pixels; x2 and y2 are exclusive edges."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> Point:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def shifted(self, dx: float, dy: float) -> Box:
        return Box(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)


def intersection(a: Box, b: Box) -> float:
    """Shared area in square pixels."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    # Most pairs of boxes are apart, and rules ask for a hundred pairs a look.
    if ax1 >= bx2 or bx1 >= ax2 or ay1 >= by2 or by1 >= ay2:
        return 0.0
    return (min(ax2, bx2) - max(ax1, bx1)) * (min(ay2, by2) - max(ay1, by1))


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    shared = intersection(a, b)
    if not shared:
        return 0.0
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


def pixel_polygon(points: Sequence[Point], width: int, height: int) -> Polygon:
    """A zone's 0..1 polygon in pixels of an image, prepared for many overlap tests."""
    polygon = Polygon([(x * width, y * height) for x, y in points])
    prepare(polygon)
    return polygon


def overlap(box: Box, polygon: Polygon) -> float:
    """Share of the box's area that lies inside the polygon, 0..1."""
    if box.area <= 0:
        return 0.0
    return float(polygon.intersection(shapely_box(*box)).area) / box.area
