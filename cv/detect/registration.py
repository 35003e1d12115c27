"""Whether a picture shows the view known so far in another place: image registration by edges.

A camera that was turned by a tenth of its picture, or zoomed by a quarter, shows much the same
street: most pieces of it still have edges of the same directions (`cv.detect.view`). But the known
view then fits clearly better in another place than in its own. Crowds, nightfall and rain never
make it do so: they spoil the fit everywhere.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Edges", "Fit", "Lies", "best_fit", "where"]

Edges = npt.NDArray[np.float32]
"""[H, W, 2]: direction of the edges in each cell of a picture, as long as they are clear."""

_WIDTH, _HEIGHT = 48, 27
"""Cells that are compared. Each is 2 % of the picture; finer ones cost four times as much."""
_ZOOMS = (0.62, 0.7, 0.8, 0.9, 1.0, 1.12, 1.25, 1.4, 1.6)
_REACH = 0.35
"""Farthest shift that is looked for, as a share of the picture."""
_FAR = 0.09
"""Shift of some corner, as a share of the picture, from which on zones lie elsewhere than drawn.
Less is wind, a lens that breathes, or what these cells cannot tell.
"""
_GAIN = 0.15
"""Correlation by which another place must fit better than the view's own."""
_CLEAR = 0.5
"""Correlation of a fit that tells something. Of two unrelated streets some place fits by 0.3."""


class Fit(NamedTuple):
    """How a known view lies in a picture.

    Attributes:
        score: normalised correlation of their edges there, -1 to 1 (Pearson's).
        zoom: how much larger it is than it was.
        x, y: how far its centre went to the right and down, as shares of the picture.
    """

    score: float
    zoom: float
    x: float
    y: float

    @property
    def moved(self) -> float:
        """How far the corner went that went farthest, to a side or up or down."""
        return max(abs(self.x), abs(self.y)) + abs(self.zoom - 1) / 2


class Lies(Enum):
    """Where a picture shows a known view."""

    IN_PLACE = "where it was, within what zones bear"
    ELSEWHERE = "in another place"
    UNCLEAR = "another place fits it better, but not clearly"


def where(known: Edges, seen: Edges) -> Lies:
    """Where a picture's edges, float32 [H, W, 2], show the known ones."""
    known, seen = _coarse(known), _coarse(seen)
    here = float(cv2.matchTemplate(known, seen, cv2.TM_CCOEFF_NORMED)[0, 0])
    if here + _GAIN > 1:
        return Lies.IN_PLACE
    fit = best_fit(known, seen)
    if fit.moved <= _FAR:
        return Lies.IN_PLACE
    return Lies.ELSEWHERE if fit.score >= max(_CLEAR, here + _GAIN) else Lies.UNCLEAR


def best_fit(known: Edges, seen: Edges) -> Fit:
    """Where the known view, float32 [H, W, 2], fits a picture of the same shape best."""
    return max(_fit(known, seen, zoom) for zoom in _ZOOMS)


def _fit(known: Edges, seen: Edges, zoom: float) -> Fit:
    """The best shift at one zoom: the one of the two that shows less is looked for in the other."""
    if zoom < 1:
        back = _fit(seen, known, 1 / zoom)
        return Fit(back.score, zoom, -back.x * zoom, -back.y * zoom)
    high, wide = seen.shape[:2]
    size = round(wide * zoom), round(high * zoom)
    right, down = round(_REACH * wide), round(_REACH * high)
    around = cv2.copyMakeBorder(
        cv2.resize(known, size, interpolation=cv2.INTER_LINEAR),
        *(down, down, right, right),
        cv2.BORDER_CONSTANT,
    )
    _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(around, seen, cv2.TM_CCOEFF_NORMED))
    return Fit(
        score,
        zoom,
        (right + (size[0] - wide) / 2 - x) / wide,
        (down + (size[1] - high) / 2 - y) / high,
    )


def _coarse(edges: Edges) -> Edges:
    small = cv2.resize(edges, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
