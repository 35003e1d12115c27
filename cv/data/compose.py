"""Composed training photos: heaps and goods set onto other streets. They never validate.

Rare labels have a few dozen photos of a few kinds (rubble fills the frame, goods outside shops are
hardly there). Set onto streets, facades and junctions they are seen where cameras see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cv.data.cutting import Cut
from cv.geometry import Box, Image, intersection, iou

__all__ = ["FRONT", "Spot", "goods_row", "place", "spot_on_ground"]

Light = npt.NDArray[np.float32]
"""[H, W, 3] BGR, 0..255."""

FRONT = 0.75
"""With the horizon from here down the photo shows a front, all of it about as far away."""
_MOST_OVERLAP = 0.15
_SHADOW = 0.45
_MATCH = 0.6
"""How far the brightness of a cut is drawn to that of the ground where it is set."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where to set something: the middle of its foot and its width, in pixels."""

    x: float
    y: float
    width: float


def spot_on_ground(
    size: tuple[int, int],
    taken: Sequence[Box],
    rng: np.random.Generator,
    *,
    aspect: float,
    horizon: float,
) -> Spot | None:
    """A free place on the street, with a size that grows towards the camera.

    Args:
        size: width, height of the photo.
        taken: boxes of what is there already, in pixels.
        aspect: width / height of what is to be set.
        horizon: share of the photo's height above which nothing stands on the ground.
    """
    width, height = size
    for _ in range(20):
        depth = rng.uniform(0.2, 1.0)
        foot = height * (horizon + (1.0 - horizon) * depth)
        near = depth if horizon < FRONT else 0.5
        across = width * near * np.exp(rng.uniform(np.log(0.16), np.log(0.62)))
        middle = rng.uniform(0.0, 1.0) * width
        box = Box(middle - across / 2, foot - across / aspect, middle + across / 2, foot)
        if across < 16 or not (box.x1 > -0.2 * across and box.x2 < width + 0.2 * across):
            continue
        if all(_is_clear(box, other) for other in taken):
            return Spot(middle, foot, across)
    return None


def _is_clear(box: Box, other: Box) -> bool:
    """Free of it, or wholly in front of something large (a road, a facade)."""
    return iou(box, other) < _MOST_OVERLAP and intersection(box, other) < 0.5 * other.area


def place(photo: Image, cut: Cut, spot: Spot, rng: np.random.Generator) -> Box | None:
    """Draw a cut into a photo, in place, with its shadow on the ground.

    Returns:
        its box in pixels, clipped to the photo; None if too little of it would be seen.
    """
    height, width = photo.shape[:2]
    w = max(8, round(spot.width))
    h = max(6, round(spot.width * cut.image.shape[0] / cut.image.shape[1]))
    image: Light = cv2.resize(cut.image, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = cv2.resize(cut.alpha, (w, h), interpolation=cv2.INTER_AREA)
    left, top = round(spot.x - w / 2), round(spot.y - h)
    x1, y1, x2, y2 = max(0, left), max(0, top), min(width, left + w), min(height, top + h)
    if (x2 - x1) * (y2 - y1) < 0.6 * w * h:
        return None
    _cast_shadow(photo, (left, top, w, h), rng)
    ground: Light = photo[max(0, y2 - h // 2 - 1) : y2, x1:x2].astype(np.float32)
    image = _grained(_lit_like(image, ground), rng)
    window = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    share = alpha[window][..., None]
    under = photo[y1:y2, x1:x2]
    photo[y1:y2, x1:x2] = np.clip(share * image[window] + (1 - share) * under, 0, 255)
    return Box(float(x1), float(y1), float(x2), float(y2))


def _cast_shadow(photo: Image, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """Darken the ground around a foot: without contact a thing seems to float."""
    left, top, w, h = box
    height, width = photo.shape[:2]
    shadow = np.zeros((height, width), np.float32)
    centre = (left + w // 2 + round(rng.uniform(-0.1, 0.1) * w), top + h - max(1, h // 16))
    cv2.ellipse(shadow, centre, (max(2, round(w * 0.52)), max(2, h // 9)), 0, 0, 360, 1.0, -1)
    cv2.GaussianBlur(shadow, (0, 0), max(1.0, w / 24), dst=shadow)
    strength = _SHADOW * rng.uniform(0.5, 1.0)
    photo[:] = (photo * (1 - strength * shadow[..., None])).astype(np.uint8)


def _lit_like(image: Light, ground: Light) -> Light:
    """Draw brightness and colour cast half-way to the ground's."""
    own, there = image.mean(axis=(0, 1)), ground.mean(axis=(0, 1))
    gain = (float(there.mean()) + 1) / (float(own.mean()) + 1)
    cast = (there + 1) / (there.mean() + 1)
    lit: Light = image * (np.clip(gain, 0.45, 1.7) ** _MATCH * cast**0.3)
    return lit


def _grained(image: Light, rng: np.random.Generator) -> Light:
    """Blur and noise a cut a little, so that sharpness does not give it away."""
    if rng.random() < 0.5:
        cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.1), dst=image)
    noisy: Light = (image + rng.normal(0, rng.uniform(0, 5), image.shape)).astype(np.float32)
    return noisy


def goods_row(photo: Image, cuts: Sequence[Cut], rng: np.random.Generator) -> list[Box]:
    """Set goods side by side along a shop front's foot; a box for each unbroken row.

    Args:
        photo: a facade seen from across the street; its lower edge is the pavement.
        cuts: what to choose from.
    """
    height, width = photo.shape[:2]
    foot = height * rng.uniform(0.86, 0.985)
    x = width * rng.uniform(0.02, 0.55)
    end = x + width * rng.uniform(0.12, 0.45)
    rows: list[Box] = []
    tall = height * rng.uniform(0.09, 0.22)
    while x < min(end, 0.97 * width):
        cut = cuts[int(rng.integers(len(cuts)))]
        h = tall * rng.uniform(0.75, 1.2)
        w = h * cut.image.shape[1] / cut.image.shape[0]
        spot = Spot(x + w / 2, foot + rng.uniform(-0.01, 0.01) * height, w)
        box = place(photo, cut, spot, rng)
        if box is not None:
            rows.append(box)
        x += w * rng.uniform(0.85, 1.05)
    if not rows:
        return []
    return [
        Box(
            min(b.x1 for b in rows),
            min(b.y1 for b in rows),
            max(b.x2 for b in rows),
            max(b.y2 for b in rows),
        )
    ]
