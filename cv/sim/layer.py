"""Cut-out pictures of single things, laid over one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image
from cv.sim.lens import Points

__all__ = ["Layer", "cover", "shade"]

_SURE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One thing, in a picture's pixels.

    Attributes:
        picture: uint8 [H, W, 3] BGR.
        covers: float32 [H, W], 0..1.
        corner: x, y of its upper left pixel in the picture; may be outside.
        outline: float64 [N, 2], around what it covers, in the picture.
    """

    picture: Image
    covers: npt.NDArray[np.float32]
    corner: tuple[int, int]
    outline: Points

    @classmethod
    def of(cls, rendered: npt.NDArray[np.uint8], corner: tuple[int, int]) -> Layer | None:
        """From BGR and coverage, uint8 [H, W, 4]; None if there is nothing to see."""
        covers = rendered[..., 3].astype(np.float32) / np.float32(255)
        mask = (covers > _SURE).astype(np.uint8)
        points = cv2.findNonZero(mask)
        if points is None:
            return None
        hull = cv2.convexHull(points).reshape(-1, 2).astype(np.float64)
        # Pixels have a size: each corner of each.
        square = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float64)
        outline = (hull[:, None] + square).reshape(-1, 2) + corner
        return cls(np.ascontiguousarray(rendered[..., :3]), covers, corner, outline)

    def moved(self, then: Points, now: Points, scale: float) -> Layer:
        """The same, scaled about the point `then` and that point moved to `now`."""
        outline = now + scale * (self.outline - then)
        low = np.floor(outline.min(axis=0)).astype(int) - 1
        high = np.ceil(outline.max(axis=0)).astype(int) + 1
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        shift = now - low - scale * (then - np.array(self.corner)) + 0.5 * (scale - 1)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        picture = cv2.warpAffine(self.picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        covers = cv2.warpAffine(self.covers, matrix, size)
        return Layer(
            np.asarray(picture, np.uint8),
            np.asarray(covers, np.float32),
            (int(low[0]), int(low[1])),
            outline,
        )

    def hidden_by(self, nearer: Sequence[Layer]) -> float:
        """Share of it that others cover."""
        total = float(self.covers.sum())
        if not total or not nearer:
            return 0.0
        return 1 - float((self.covers * _left(self, nearer)).sum()) / total


def cover(picture: Image, layer: Layer, nearer: Sequence[Layer]) -> None:
    """Lay a layer over a picture, in place, behind those that are nearer."""
    place = _Place.of(layer, picture)
    if place is None:
        return
    share = (layer.covers * _left(layer, nearer))[place.own][..., None]
    below = picture[place.there]
    below[:] = np.rint(below + share * (layer.picture[place.own].astype(np.float32) - below))


def shade(picture: Image, ground: Points, share: float, nearer: Sequence[Layer]) -> None:
    """Darken the ground below a thing, in place.

    Args:
        ground: corners [N, 2] of its foot.
        share: of the light that is taken.
    """
    middle = ground.mean(axis=0)
    reach = 1.25 * (ground - middle)
    soft = max(1.0, 0.16 * float(np.ptp(reach[:, 1]) + np.ptp(reach[:, 0])) / 2)
    spare = int(3 * soft) + 2
    low = np.floor((middle + reach).min(axis=0)).astype(int) - spare
    high = np.ceil((middle + reach).max(axis=0)).astype(int) + spare
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    cv2.fillConvexPoly(mask, np.rint(middle + reach - low).astype(np.int32), share)
    dark = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)
    empty = np.zeros((*dark.shape, 3), np.uint8)
    cover(picture, Layer(empty, dark, (int(low[0]), int(low[1])), ground), nearer)


def _left(layer: Layer, nearer: Sequence[Layer]) -> npt.NDArray[np.float32]:
    """Share of each pixel of a layer that others leave free."""
    left = np.ones_like(layer.covers)
    for other in nearer:
        x, y = (b - a for a, b in zip(layer.corner, other.corner, strict=True))
        height, width = left.shape
        tall, broad = other.covers.shape
        x1, x2, y1, y2 = max(0, x), min(width, x + broad), max(0, y), min(height, y + tall)
        if x1 < x2 and y1 < y2:
            left[y1:y2, x1:x2] *= 1 - other.covers[y1 - y : y2 - y, x1 - x : x2 - x]
    return left


class _Place(NamedTuple):
    """Rows and columns that a layer and a picture have in common, in either."""

    there: tuple[slice, slice]
    own: tuple[slice, slice]

    @classmethod
    def of(cls, layer: Layer, picture: Image) -> _Place | None:
        (x, y), (tall, broad) = layer.corner, layer.covers.shape
        height, width = picture.shape[:2]
        x1, x2, y1, y2 = max(0, x), min(width, x + broad), max(0, y), min(height, y + tall)
        if x1 >= x2 or y1 >= y2:
            return None
        return cls((slice(y1, y2), slice(x1, x2)), (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x)))
