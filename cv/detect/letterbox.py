"""The one letterbox: training-time validation, parity checks and serving all call it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image

__all__ = ["GREY", "Letterbox", "letterbox"]

GREY = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """An image fitted into a network's input.

    Attributes:
        image: uint8 [H, W, 3] BGR, the picture centred on grey.
        scale: input pixels per source pixel.
        left, top: input pixels of grey before the picture.
    """

    image: Image
    scale: float
    left: int
    top: int

    def to_source(
        self, boxes: npt.NDArray[np.float32], width: int, height: int
    ) -> npt.NDArray[np.float32]:
        """Boxes [N, 4] xyxy in input pixels → source pixels, clipped to width x height."""
        offset = np.array([self.left, self.top, self.left, self.top], dtype=np.float32)
        limit = np.array([width, height, width, height], dtype=np.float32)
        unclipped: npt.NDArray[np.float32] = (boxes - offset) / np.float32(self.scale)
        return unclipped.clip(0, limit)


def letterbox(image: Image, shape: tuple[int, int]) -> Letterbox:
    """Fit an image into (height, width) without changing its proportions.

    Shrinks by area averaging's cheap cousin (bilinear), which is what training uses too; INTER_AREA
    costs five times more and was not seen by the network.
    """
    height, width = shape
    scale = min(height / image.shape[0], width / image.shape[1])
    new_w = min(width, max(1, round(image.shape[1] * scale)))
    new_h = min(height, max(1, round(image.shape[0] * scale)))
    if (new_h, new_w) != image.shape[:2]:
        image = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    left, top = (width - new_w) // 2, (height - new_h) // 2
    out = np.full((height, width, 3), GREY, dtype=np.uint8)
    out[top : top + new_h, left : left + new_w] = image
    return Letterbox(out, scale, left, top)
