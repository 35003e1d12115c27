"""Whether anything changed where it matters, since the picture that was last analysed.

Most cameras show the same street for hours. Comparing two small grey pictures costs a hundredth of
an inference, so a picture in which no zone changed keeps the detections of the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image, Point

__all__ = ["ChangeGate"]

Grey = npt.NDArray[np.float32]

_WIDTH, _HEIGHT = 160, 90
_REACH = 2
"""Cells around a zone that count as well: what stands at its edge reaches over it."""
_LEVELS = 7.0
"""Grey levels by which a cell must differ; compression and noise make 1 to 3 of a cell's mean."""
_CELLS = 2
"""Cells that must differ; the smallest thing that the detector sees covers about six."""
_SETTLE = 3
_MOST_GAIN = 1.6
"""More is no change of exposure: fog, a hand before the lens, another picture."""


class ChangeGate:
    """Follows one camera.

    Args:
        zones: polygons in 0..1; none means the whole picture.
        refresh_s: a picture is analysed at the latest this long after the one before it.
    """

    def __init__(self, zones: Sequence[Sequence[Point]], *, refresh_s: float) -> None:
        self._masks = [_mask(zone) for zone in zones] or [np.ones((_HEIGHT, _WIDTH), np.bool_)]
        self._refresh = timedelta(seconds=refresh_s)
        self._known: Grey | None = None
        self._analysed: datetime | None = None
        self._quiet = 0

    def look(self, picture: Image, time: datetime, *, decided: Callable[[], bool]) -> bool:
        """Whether this picture must be analysed; it then is what the next ones compare with.

        A scene counts as settled after three pictures in a row that changed nothing: one analysis
        may have missed what the next one sees.

        Args:
            picture: uint8 [H, W, 3], any size.
            decided: whether nothing waits for further looks to become, or to stop being, an
                incident; asked only if it matters.
        """
        if not self._refresh:
            return True  # whatever is in it
        grey = _grey(picture)
        same = self._known is not None and self._is_same(self._known, grey)
        passed = None if self._analysed is None else time - self._analysed
        # A clock that was set back says nothing of how long it is ago.
        fresh = passed is not None and timedelta() <= passed < self._refresh
        if same and fresh and self._quiet >= _SETTLE and decided():
            return False
        self._quiet = self._quiet + 1 if same else 0
        self._known, self._analysed = grey, time
        return True

    def holds(self, time: datetime) -> bool:
        """Whether a picture of this time need not be analysed if nothing changes until then."""
        return self._analysed is not None and time - self._analysed < self._refresh

    def _is_same(self, known: Grey, seen: Grey) -> bool:
        apart = np.abs(seen - _in_the_light_of(seen, known)) > _LEVELS
        return not any(int(apart[mask].sum()) >= _CELLS for mask in self._masks)


def _grey(picture: Image) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _mask(polygon: Sequence[Point]) -> npt.NDArray[np.bool_]:
    corners = np.array([(x * _WIDTH, y * _HEIGHT) for x, y in polygon]).round().astype(np.int32)
    mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    side = 2 * _REACH + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.bool_)


def _in_the_light_of(seen: Grey, known: Grey) -> Grey:
    """The known picture as it would look now: exposure scales all cells, haze and clouds lift them.

    Fitted over the whole picture, and again without the cells that differ most: over a single zone,
    a van that fills it would pass for a change of light.
    """
    light = _fitted_light(known, known.ravel(), seen.ravel())
    rest = np.abs(seen - light).ravel()
    usual = rest <= 2 * np.median(rest) + 1
    return _fitted_light(known, known.ravel()[usual], seen.ravel()[usual])


def _fitted_light(known: Grey, x: Grey, y: Grey) -> Grey:
    """The known picture in the light that makes its cells x most like y."""
    x_mean, y_mean = float(x.mean()), float(y.mean())
    apart = x - x_mean
    spread = float(apart @ apart)
    gain = float(apart @ (y - y_mean)) / spread if spread > len(x) else 1.0
    gain = min(_MOST_GAIN, max(1 / _MOST_GAIN, gain))
    return gain * known + (y_mean - gain * x_mean)
