"""Whether a camera still shows the view that its zones were drawn on.

A camera that was bumped, turned or zoomed puts every zone in the wrong place. What stays the same
through crowds, rain and nightfall is where edges are and which way they run; most of them belong to
walls, kerbs and lines. So each look's edges are compared with those of the view known so far, piece
by piece of the picture: a bus hides some pieces, a turned camera changes nearly all. One that was
turned or zoomed less leaves many of them alike, but then the known view lies in another place of
the picture (`cv.detect.registration`). Somebody may only have a closer look for a moment, and no
dwell is that short: it counts once it has lasted.

A picture that hardly has edges (a black one, one of fog, a covered lens) shows no view at all, and
that nothing is seen in it says nothing about the street.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from hashlib import sha256

import cv2
import numpy as np
import numpy.typing as npt

from cv.detect.detector import Detection
from cv.detect.registration import Edges, Lies, where
from cv.geometry import Image
from cv.site import Camera

__all__ = ["Shown", "View", "ViewFault", "is_look", "zones_mark"]

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
_LASTS = timedelta(seconds=30)
"""How long a view must lie elsewhere in the picture to be another one."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_FOLLOW = 0.03
_LEAST_PIECES = 12
"""With fewer pieces that have edges a picture shows nothing. Streets have 30 or more, a black
picture with the camera's name and the time written into it 7. In fog that leaves so few the model
is blind as well: it finds 2 of 91 things.
"""
_EDGY = 0.05
_FAINT_SHARE = 0.2
"""With so little of the known edges a picture may be too dark to tell another view by."""


class Shown(Enum):
    """What one picture shows."""

    HERE = "the view that the zones were drawn on"
    ELSEWHERE = "another view"
    NOTHING = "hardly an edge: it is black, covered or in fog"


class ViewFault(StrEnum):
    """What is wrong with a camera's view, by the word that tells of it."""

    CHANGED = "view_changed"
    BLANK = "view_blank"


class View:
    """The view of one camera, look after look.

    Attributes:
        moved: whether it has been another view than the zones' for at least three looks.
    """

    def __init__(self) -> None:
        self.moved = False
        self._known: Edges | None = None
        self._other = self._blank = 0
        self._away_since: datetime | None = None

    @property
    def fault(self) -> ViewFault | None:
        """What has been wrong for at least three looks. A changed view does not end in the dark."""
        if self.moved:
            return ViewFault.CHANGED
        return ViewFault.BLANK if self._blank >= _LOOKS else None

    def look(self, image: Image, time: datetime) -> Shown:
        """Take in one picture, uint8 [H, W, 3], of this time.

        A single odd look says so as well: a zone must not be judged on it.
        """
        edges = _edges(image)
        if not _has_edges(edges):
            return self._nothing()
        if self._known is None:
            self._known = edges
        alike, size = _alike(self._known, edges)
        same = alike >= (_SAME_FROM if self.moved else _MOVED_BELOW)
        if same and not self._lasts_elsewhere(edges, time):
            self._other, self._blank, self.moved = 0, 0, False
            if self._away_since is None:
                self._follow(edges)
            return Shown.HERE
        if size < _FAINT_SHARE:
            return self._nothing()
        self._away_since = self._away_since or time
        self._blank = 0
        self._other += 1
        self.moved = self.moved or self._other >= _LOOKS
        return Shown.ELSEWHERE

    def dump(self) -> str | None:
        """The known view as text, for the next run."""
        if self._known is None:
            return None
        return b64encode(np.rint(self._known * 127).astype(np.int8).tobytes()).decode()

    def restore(self, text: str | None, *, moved: bool = False) -> None:
        """Go on with the view of an earlier run; one without edges, as was once kept, is none.

        Args:
            moved: as it was then. A small turn takes half a minute to be believed, and zones would
                count for as long after every restart.
        """
        values = np.frombuffer(b64decode(text or ""), np.int8)
        if values.size == _HEIGHT * _WIDTH * 2:
            known = values.reshape(_HEIGHT, _WIDTH, 2).astype(np.float32) / np.float32(127)
            self._known = known if _has_edges(known) else None
            if moved and self._known is not None:
                self.moved, self._away_since = True, self._away_since or _LONG_AGO

    def _lasts_elsewhere(self, edges: Edges, time: datetime) -> bool:
        """Whether the known view lies elsewhere in the picture, and has done so long enough.

        Where it lies must be clear for this to begin and to end, not in between.
        """
        assert self._known is not None
        lies = where(self._known, edges)
        since = self._away_since
        if lies is Lies.IN_PLACE or (lies is Lies.UNCLEAR and since is None):
            self._away_since = None
            return False
        if since is None or since > time:  # or a clock was set back
            since = self._away_since = time
        return self.moved or time - since >= _LASTS

    def _nothing(self) -> Shown:
        self._blank += 1
        return Shown.ELSEWHERE if self.moved else Shown.NOTHING

    def _follow(self, edges: Edges) -> None:
        """Learn slowly how it looks now, but never that it has no edges: fog would be learnt."""
        assert self._known is not None
        known = self._known + _FOLLOW * (edges - self._known)
        self._known = known if _has_edges(known) else self._known


def is_look(shown: Shown, found: Sequence[Detection], thresholds: Mapping[str, float]) -> bool:
    """Whether a look counts: what is seen in it is there, and what is not seen is not.

    A street in deep snow may have as few edges as a covered lens. But nothing is surely found
    through a covered lens, so a picture in which something is counts.

    Args:
        found: of this look.
        thresholds: per label, the score from which something is surely found.
    """
    if shown is Shown.NOTHING:
        return any(detection.score >= thresholds[detection.label] for detection in found)
    return shown is Shown.HERE


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


def _pieces(edges: Edges) -> Edges:
    """float32 [pieces, values]: the same, piece by piece of the picture."""
    rows, columns = _PIECES
    pieces = edges.reshape(rows, _HEIGHT // rows, columns, _WIDTH // columns, 2)
    return pieces.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)


def _edgy(sizes: Edges, values: int) -> npt.NDArray[np.bool_]:
    """Which pieces have edges, by their lengths as vectors of so many values."""
    return np.asarray(sizes > _EDGY * np.sqrt(values / 2))


def _has_edges(edges: Edges) -> bool:
    """Whether there are enough to tell one view from another."""
    pieces = _pieces(edges)
    return int(_edgy(np.linalg.norm(pieces, axis=1), pieces.shape[1]).sum()) >= _LEAST_PIECES


def _alike(known: Edges, seen: Edges) -> tuple[float, float]:
    """Share of the known view's pieces with edges whose edges are still there, and how much there
    is of edges in all, as a share of the known view's.
    """
    a, b = _pieces(known), _pieces(seen)
    size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    same = (a * b).sum(axis=1) / np.maximum(size_a * size_b, 1e-9)
    alike = (same[_edgy(size_a, a.shape[1])] > _ALIKE).mean()
    return float(alike), float(size_b.sum() / size_a.sum())
