"""Boxes and polygons.

A box is (x1, y1, x2, y2) in pixels of the upright image, x to the right, y down.
A zone's polygon is a sequence of (x, y) in 0..1 of the image's width and height.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from shapely import Polygon, prepare
from shapely import box as shapely_box

__all__ = [
    "UNIT",
    "Box",
    "Edges",
    "Image",
    "IouPair",
    "Point",
    "areas",
    "edges",
    "intersection",
    "iou",
    "iou_pairs",
    "overlap",
    "pixel_polygon",
    "shared_areas",
]

Image = npt.NDArray[np.uint8]
"""An upright picture: uint8 [height, width, 3], BGR."""

Point = tuple[float, float]

IouPair = tuple[int, int, float]

Edges = npt.NDArray[np.float64]
"""[4, N]: x1, y1, x2 and y2 of N boxes."""

UNIT = (1.0, 1.0)
"""Width and height of a picture in which boxes are shares of it."""


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

    def resized(self, size: tuple[float, float], to: tuple[float, float]) -> Box:
        """The same part of a picture of `size`, (width, height), when that is resized.

        Boxes in 0..1 of a picture are in one of size `UNIT`.
        """
        sx, sy = to[0] / size[0], to[1] / size[1]
        return Box(self.x1 * sx, self.y1 * sy, self.x2 * sx, self.y2 * sy)

    def in_unit(self) -> Box:
        """The part that lies within a picture of size `UNIT`."""
        return Box(*(min(1.0, max(0.0, edge)) for edge in self))


def intersection(a: Box, b: Box) -> float:
    """Shared area in square pixels."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    # A look asks for a hundred pairs, and min() and max() take three times as long.
    left = ax1 if ax1 > bx1 else bx1
    top = ay1 if ay1 > by1 else by1
    right = ax2 if ax2 < bx2 else bx2
    bottom = ay2 if ay2 < by2 else by2
    return (right - left) * (bottom - top) if left < right and top < bottom else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    shared = intersection(a, b)
    if not shared:
        return 0.0
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    return shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared)


def edges(boxes: Collection[Box]) -> Edges:
    # Four times as fast as np.array() is with tuples.
    flat = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes))
    # A copy, so that each row lies in one piece: numpy is much slower with stripes.
    return flat.reshape(-1, 4).T.copy()


def iou_pairs(a: Collection[Box], b: Collection[Box], grow: float = 0) -> list[IouPair]:
    """(i, j, IoU of a[i] and b[j]) for every two boxes that overlap, ordered by i, then j.

    Args:
        grow: pixels by which each box is grown on every side: a shift of a few pixels then matters
            less for small, far boxes.
    """
    first = edges(a)
    second = first if b is a else edges(b)
    if grow:
        margin = np.array([[-grow], [-grow], [grow], [grow]])
        first, second = first + margin, second + margin
    shared = shared_areas(first, second).ravel()
    # Most are apart: the arithmetic is for the few that are not.
    overlapping = np.flatnonzero(shared > 0)
    i, j = np.divmod(overlapping, max(1, len(b)))
    shared = shared[overlapping]
    share = shared / (areas(first)[i] + areas(second)[j] - shared)
    return list(zip(i.tolist(), j.tolist(), share.tolist(), strict=True))


def areas(boxes: Edges) -> npt.NDArray[np.float64]:
    """In square pixels, [N]."""
    width, height = boxes[2:] - boxes[:2]
    found: npt.NDArray[np.float64] = width * height
    return found


def shared_areas(a: Edges, b: Edges) -> npt.NDArray[np.float64]:
    """Of A boxes with B others, in square pixels: [A, B]."""
    low = np.maximum(a[:2, :, None], b[:2, None])
    high = np.minimum(a[2:, :, None], b[2:, None])
    width, height = np.maximum(high - low, 0)
    found: npt.NDArray[np.float64] = width * height
    return found


def pixel_polygon(points: Sequence[Point], width: int, height: int) -> Polygon:
    """A zone's 0..1 polygon in pixels of an image, prepared for many overlap tests."""
    polygon = Polygon([(x * width, y * height) for x, y in points])
    prepare(polygon)
    return polygon


def overlap(box: Box, polygon: Polygon) -> float:
    """Share of the box's area that lies inside the polygon, 0..1."""
    if box.area <= 0:
        return 0.0
    shape = shapely_box(*box)
    # Most things stand wholly in a zone, and a prepared polygon tells that five times as fast.
    if polygon.covers(shape):
        return 1.0
    # clip_by_rect() is faster still, but wrong where a corner lies on the rectangle's edge.
    return float(polygon.intersection(shape).area) / box.area
