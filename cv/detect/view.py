"""Whether a camera still shows the view that its zones were drawn on.

A camera that was bumped, turned or zoomed puts every zone in the wrong place. What stays the same
through crowds, rain and nightfall is where edges are and which way they run; most of them belong to
walls, kerbs and lines. So each look's edges are compared with those of the view known so far, piece
by piece of the picture: a bus hides some pieces, a turned camera changes nearly all.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image
from cv.site import Camera

__all__ = ["View", "zones_mark"]

Edges = npt.NDArray[np.float32]

_WIDTH, _HEIGHT = 96, 54
_PIECES = (6, 8)
"""Rows and columns."""
_FINE = 320
_SOFT = 1.0
"""Blur of the edges, in cells: what wind does to a pole, about 1.5 % of the width, is no change."""
_FAINT = 14.0
"""Gradient, in grey levels, at which an edge counts half."""
_ALIKE = 0.35
_MOVED_BELOW, _SAME_FROM = 0.55, 0.65
"""Share of pieces that are alike."""
_LOOKS = 3
_FOLLOW = 0.03
_LEAST_PIECES = 12
"""With fewer pieces that have edges (a lens in fog, a black picture), nobody knows."""
_EDGY = 0.05


class View:
    """The view of one camera, look after look.

    Attributes:
        moved: whether it has been another view than the zones' for at least three looks.
    """

    def __init__(self) -> None:
        self.moved = False
        self._known: Edges | None = None
        self._other = 0

    def look(self, image: Image) -> bool:
        """Take in one picture, uint8 [H, W, 3]; whether what it shows is where the zones are.

        A single odd look says no as well: a zone must not be judged on it.
        """
        edges = _edges(image)
        if self._known is None:
            self._known = edges
            return True
        alike = _alike(self._known, edges)
        if alike is None:
            return not self.moved
        if alike < (_SAME_FROM if self.moved else _MOVED_BELOW):
            self._other += 1
            self.moved = self.moved or self._other >= _LOOKS
            return False
        self._other, self.moved = 0, False
        self._known += _FOLLOW * (edges - self._known)
        return True

    def dump(self) -> str | None:
        """The known view as text, for the next run."""
        if self._known is None:
            return None
        return b64encode(np.rint(self._known * 127).astype(np.int8).tobytes()).decode()

    def restore(self, text: str | None) -> None:
        """Go on with the view of an earlier run."""
        values = np.frombuffer(b64decode(text or ""), np.int8)
        if values.size == _HEIGHT * _WIDTH * 2:
            known = values.reshape(_HEIGHT, _WIDTH, 2).astype(np.float32) / np.float32(127)
            self._known = known


def zones_mark(camera: Camera) -> str:
    """Differs if a camera's zones were drawn anew."""
    drawn = repr([(zone.id, zone.polygon) for zone in camera.zones])
    return sha256(drawn.encode()).hexdigest()[:16]


def _edges(image: Image) -> Edges:
    """float32 [54, 96, 2]: direction of edges (twice the angle, so that a lamp behind or before
    a pole makes no difference), as long as they are clear.
    """
    fine = cv2.resize(image, (_FINE, _FINE * _HEIGHT // _WIDTH), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(fine, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    gx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 4)
    gy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 4)
    size = cv2.magnitude(gx, gy)
    scale = 1 / ((size + _FAINT / 2) * np.maximum(size, 1e-3))
    doubled = cv2.merge([(gx * gx - gy * gy) * scale, 2 * gx * gy * scale])
    small = cv2.resize(doubled, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _SOFT), np.float32)


def _alike(known: Edges, seen: Edges) -> float | None:
    """Share of the pieces with edges, of the known view, whose edges are still there."""
    rows, columns = _PIECES
    a, b = (
        edges.reshape(rows, _HEIGHT // rows, columns, _WIDTH // columns, 2)
        .transpose(0, 2, 1, 3, 4)
        .reshape(rows * columns, -1)
        for edges in (known, seen)
    )
    size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    edgy = size_a > _EDGY * np.sqrt(a.shape[1] / 2)
    if edgy.sum() < _LEAST_PIECES or size_b.sum() < 0.2 * size_a.sum():
        return None
    same = (a * b).sum(axis=1) / np.maximum(size_a * size_b, 1e-9)
    return float((same[edgy] > _ALIKE).mean())
