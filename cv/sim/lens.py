"""The simulated camera: where points of the street are in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from shapely import Polygon, box

__all__ = ["Lens", "Points"]

Points = npt.NDArray[np.float64]

_UNTIL_EXACT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-9)
"""OpenCV's own five steps miss by a pixel where the field is wide and the barrel strong."""


class Lens:
    """A camera on a pole at x = 0, y = 0, seen from which the street's x runs to the right, y away
    and z up, in metres.

    Args:
        size: (width, height) of the picture in pixels.
        height_m: of the camera above the ground.
        tilt_deg, pan_deg: downwards and to the right.
        field_deg: horizontal angle of view.
        distortion: k1 of Brown's radial model (OpenCV's); below 0 is a barrel.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        height_m: float,
        tilt_deg: float,
        pan_deg: float,
        field_deg: float,
        distortion: float = 0.0,
    ) -> None:
        self.size = size
        self.height_m, self.tilt_deg, self.pan_deg = height_m, tilt_deg, pan_deg
        width, height = size
        focal = self.focal_px = float(width / 2 / np.tan(np.radians(field_deg) / 2))
        self._matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        self._distortion = np.array([distortion, 0.0, 0.0, 0.0])
        tilt, pan = np.radians(tilt_deg), np.radians(pan_deg)
        right = np.array([np.cos(pan), -np.sin(pan), 0.0])
        ahead = np.array([np.sin(pan) * np.cos(tilt), np.cos(pan) * np.cos(tilt), -np.sin(tilt)])
        self._turn = np.stack([right, np.cross(ahead, right), ahead])
        self._shift = -self._turn @ np.array([0.0, 0.0, height_m])
        self._vector, _ = cv2.Rodrigues(self._turn)

    @property
    def least_distortion(self) -> float:
        """The strongest barrel whose picture still has corners, below 0.

        A ray at r (tangent of its angle to the axis) is drawn at r + k1 r^3. With k1 below 0 that
        is at most 2/3 sqrt(-1 / 3 k1), and the corners must not lie further out.
        """
        corner = np.hypot(*self.size) / 2 / self.focal_px
        return float(-4 / (27 * corner**2))

    def project(self, points: Points) -> Points:
        """World points [N, 3], all in front of the camera, to pixels [N, 2]."""
        pixels, _ = cv2.projectPoints(
            np.asarray(points, np.float64),
            self._vector,
            self._shift,
            self._matrix,
            self._distortion,
        )
        return np.asarray(pixels, np.float64).reshape(-1, 2)

    def straight(self, points: Points) -> Points:
        """World points [N, 3] as a lens without distortion sees them: pixels [N, 2] from the
        optical axis.
        """
        seen = points @ self._turn.T + self._shift
        result: Points = self.focal_px * seen[:, :2] / seen[:, 2:]
        return result

    def bent(self, straight: Points) -> Points:
        """What `straight` gives, to pixels of the picture, [N, 2]."""
        rays = np.column_stack([straight / self.focal_px, np.ones(len(straight))])
        zero = np.zeros(3)
        pixels, _ = cv2.projectPoints(rays, zero, zero, self._matrix, self._distortion)
        return np.asarray(pixels, np.float64).reshape(-1, 2)

    def unbent(self, pixels: Points) -> Points:
        """Undoes `bent`, for a distortion of at least `least_distortion`."""
        rays = cv2.undistortPoints(
            np.asarray(pixels, np.float64).reshape(-1, 1, 2),
            self._matrix,
            self._distortion,
            criteria=_UNTIL_EXACT,
        )
        return self.focal_px * np.asarray(rays, np.float64).reshape(-1, 2)

    def depth(self, points: Points) -> npt.NDArray[np.float64]:
        """Metres in front of the camera, [N]; below 0 is behind it."""
        result: npt.NDArray[np.float64] = points @ self._turn[2] + self._shift[2]
        return result

    def polygon(self, ground: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """A polygon on the ground, as a zone's: 0..1 of the picture, clipped to it.

        Its edges are projected in small steps, for distortion bends them.

        Raises:
            ValueError: it is not in the picture, reaches behind the camera, or crosses itself.
        """
        corners = np.array([*ground, ground[0]], dtype=np.float64)
        steps = np.linspace(0, 1, 8, endpoint=False)[:, None]
        flat = np.concatenate([a + steps * (b - a) for a, b in pairwise(corners)])
        points = np.column_stack([flat, np.zeros(len(flat))])
        if self.depth(points).min() <= 0:
            raise ValueError("reaches behind the camera")
        shares = self.project(points) / self.size
        if not ((shares >= 0) & (shares <= 1)).all():
            shares = _in_picture(shares)
        return tuple((float(x), float(y)) for x, y in shares)


def _in_picture(polygon: Points) -> Points:
    """The largest piece of a polygon [N, 2] within 0..1, as corners [M, 2]."""
    whole = Polygon(polygon)
    if not whole.is_valid:
        raise ValueError("crosses itself")
    part = whole.intersection(box(0, 0, 1, 1))
    pieces = [piece for piece in getattr(part, "geoms", [part]) if isinstance(piece, Polygon)]
    largest = max(pieces, key=lambda piece: piece.area, default=Polygon())
    if largest.is_empty:
        raise ValueError("is not in the picture")
    return np.array(largest.exterior.coords[:-1])
