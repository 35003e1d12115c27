"""Far zones, looked at a second time in full resolution.

The network sees a picture at 640 pixels; of a stall that is 30 pixels wide in a 1080p picture it
gets ten. So the part around such a zone is analysed as a picture of its own, and what both saw is
counted once (slicing aided inference, F. C. Akyon et al., 2022, where the slices are the zones).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cv.detect.detector import Detection, Detector
from cv.detect.letterbox import input_shape, placement
from cv.detect.picture import Picture, Pixels
from cv.detect.still import is_lookalike
from cv.geometry import Box, Point, intersection

__all__ = ["detect_closer", "parts"]

Part = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""

_ASIDE, _ABOVE, _BELOW = 0.15, 0.6, 0.1
"""Reach beyond the zone's bounds, in shares of these: what stands on the ground is high."""
_LEAST_PX = 192
_GAIN = 1.3
"""A part that is not enlarged by as much shows nothing new."""
_EDGE_PX = 2.0
_SAME = 0.6
"""Share of the smaller box inside the other one from which they are one thing."""


def parts(polygons: Iterable[Sequence[Point]], size: tuple[int, int]) -> list[Part]:
    """The parts of a picture of this (width, height) around polygons of 0..1, worth a look."""
    found = [_around(polygon, size) for polygon in polygons]
    return [part for part in found if _scale(part) >= _GAIN * _scale((0, 0, *size))]


def detect_closer(
    detector: Detector, picture: Picture, regions: Sequence[Part], *, ease: float
) -> list[Detection]:
    """Objects in a picture, with what only its enlarged parts show; best score first.

    Args:
        regions: as `parts` gives them.
        ease: as for `Detector.detect_in`.
    """
    found = detector.detect_in(picture, ease=ease)
    if not regions:
        return found
    image = picture.bgr()
    for left, top, right, bottom in regions:
        cut = Pixels(np.ascontiguousarray(image[top:bottom, left:right]))
        found += [
            Detection(d.label, d.score, d.box.shifted(left, top))
            for d in detector.detect_in(cut, ease=ease)
            if not _is_cut(d.box, (left, top, right, bottom), picture.size)
        ]
    return _once(found)


def _around(polygon: Sequence[Point], size: tuple[int, int]) -> Part:
    width, height = size
    xs, ys = [x * width for x, _ in polygon], [y * height for _, y in polygon]
    across, high = max(xs) - min(xs), max(ys) - min(ys)
    left, right = _widened(min(xs) - _ASIDE * across, max(xs) + _ASIDE * across, width)
    top, bottom = _widened(min(ys) - _ABOVE * high, max(ys) + _BELOW * high, height)
    return left, top, right, bottom


def _widened(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole pixels within 0..limit, at least `_LEAST_PX` apart where there are as many."""
    missing = max(0.0, _LEAST_PX - (high - low)) / 2
    low, high = low - missing, high + missing
    return max(0, int(low)), min(limit, round(high))


def _scale(part: Part) -> float:
    """Input pixels per pixel."""
    width, height = part[2] - part[0], part[3] - part[1]
    return placement(width, height, input_shape(width, height)).scale


def _is_cut(box: Box, part: Part, size: tuple[int, int]) -> bool:
    """Whether a box, in pixels of the part, ends where the part does and the picture does not."""
    left, top, right, bottom = part
    inner = (left > 0, top > 0, right < size[0], bottom < size[1])
    at_edge = (
        box.x1 <= _EDGE_PX,
        box.y1 <= _EDGE_PX,
        box.x2 >= right - left - _EDGE_PX,
        box.y2 >= bottom - top - _EDGE_PX,
    )
    return any(a and b for a, b in zip(inner, at_edge, strict=True))


def _once(found: Sequence[Detection]) -> list[Detection]:
    """Of several boxes on one thing, the surest."""
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        if not any(is_lookalike(d.label, k.label) and _is_same(d.box, k.box) for k in kept):
            kept.append(d)
    return kept


def _is_same(a: Box, b: Box) -> bool:
    return intersection(a, b) >= _SAME * min(a.area, b.area)
