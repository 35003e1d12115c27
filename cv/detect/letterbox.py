"""The one letterbox: training-time validation, parity checks and serving all place pictures by it.

Frames of video are scaled by their decoder (`cv.detect.picture`), everything else here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image

__all__ = [
    "GREY",
    "SQUARE",
    "WIDE",
    "Letterbox",
    "Placement",
    "input_shape",
    "letterbox",
    "padded",
    "placement",
]

GREY = 114
SQUARE = (640, 640)
WIDE = (384, 640)
_WIDE_FROM = 1.5
"""Pictures at least this much wider than high go through the 384x640 input: 1.6x cheaper."""


class Placement(NamedTuple):
    """Where a picture comes to lie in a network's input.

    Attributes:
        scale: input pixels per source pixel.
        width, height: the picture's, in input pixels.
        left, top: input pixels of grey before it.
    """

    scale: float
    width: int
    height: int
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture fitted into a network's input.

    Attributes:
        image: uint8 [H, W, 3] BGR, the picture centred on grey.
    """

    image: Image
    place: Placement

    @property
    def scale(self) -> float:
        """Input pixels per source pixel."""
        return self.place.scale

    @property
    def inside(self) -> Image:
        """The picture without the grey around it."""
        _, width, height, left, top = self.place
        return self.image[top : top + height, left : left + width]

    def to_source(
        self, boxes: npt.NDArray[np.float32], width: int, height: int
    ) -> npt.NDArray[np.float32]:
        """Boxes [N, 4] xyxy in input pixels → source pixels, clipped to width x height."""
        left, top = self.place.left, self.place.top
        offset = np.array([left, top, left, top], dtype=np.float32)
        limit = np.array([width, height, width, height], dtype=np.float32)
        unclipped: npt.NDArray[np.float32] = (boxes - offset) / np.float32(self.scale)
        return unclipped.clip(0, limit)


def input_shape(width: int, height: int) -> tuple[int, int]:
    """The network's input (height, width) for a picture of this size."""
    return WIDE if width >= _WIDE_FROM * height else SQUARE


def placement(width: int, height: int, shape: tuple[int, int]) -> Placement:
    """Where a picture of this size lies in an input of (height, width), its proportions kept."""
    high, wide = shape
    scale = min(high / height, wide / width)
    new_w = min(wide, max(1, round(width * scale)))
    new_h = min(high, max(1, round(height * scale)))
    return Placement(scale, new_w, new_h, (wide - new_w) // 2, (high - new_h) // 2)


def padded(picture: Image, shape: tuple[int, int], place: Placement) -> Letterbox:
    """Put a picture that has its final size where it belongs."""
    box = _grey(shape, place)
    box.inside[:] = picture
    return box


def _grey(shape: tuple[int, int], place: Placement) -> Letterbox:
    """Only what the picture will not cover is written."""
    _, width, height, left, top = place
    image = np.empty((*shape, 3), dtype=np.uint8)
    image[:top] = image[top + height :] = GREY
    image[:, :left] = image[:, left + width :] = GREY
    return Letterbox(image, place)


def letterbox(image: Image, shape: tuple[int, int]) -> Letterbox:
    """Fit an image into (height, width) without changing its proportions.

    Shrinks by area averaging's cheap cousin (bilinear), which is what training uses too; INTER_AREA
    costs five times more and was not seen by the network.
    """
    place = placement(image.shape[1], image.shape[0], shape)
    size = place.width, place.height
    if size == (image.shape[1], image.shape[0]):
        return padded(image, shape, place)
    box = _grey(shape, place)
    cv2.resize(image, size, dst=box.inside, interpolation=_interpolation(image, place))
    return box


def _interpolation(image: Image, place: Placement) -> int:
    """Bilinear, by the cheapest way to the same pixels.

    Where an odd number of pixels becomes one, as 1920x1080 does in 640x384, its centre falls on the
    middle one, which bilinear takes alone: picking it gives the same in a third of the time.
    """
    factor, rest = divmod(image.shape[1], place.width)
    whole = rest == 0 and image.shape[0] == factor * place.height
    return cv2.INTER_NEAREST_EXACT if whole and factor % 2 else cv2.INTER_LINEAR
