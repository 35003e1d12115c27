"""Hiding persons' heads and vehicles' plates before a picture leaves the box (PIPL Art. 26).

Regions come from the detector's own boxes: no face is looked for, no plate is read. Weak boxes
count as well, because a head masked in vain costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from cv.detect.detector import Detection, Detector
from cv.geometry import Box, Image
from cv.labels import TWO_WHEELERS, VEHICLES

__all__ = [
    "MASK_SCORE",
    "MaskCounts",
    "head_region",
    "mask",
    "mask_found",
    "pixelate",
    "plate_region",
]

MASK_SCORE = 0.1
"""Boxes from this score on are masked."""

_BLOCKS = 6
"""Blocks across a masked region's shorter side: too coarse for a face or a plate at any size."""


@dataclass(frozen=True, slots=True)
class MaskCounts:
    """How many regions were pixelated."""

    heads: int = 0
    plates: int = 0


def mask(image: Image, detector: Detector, *, heads: bool, plates: bool) -> MaskCounts:
    """Pixelate heads and plates in place.

    Looks at the whole picture with a low threshold of its own.

    Args:
        image: uint8 [height, width, 3] BGR, clean (nothing drawn on it yet); changed in place.
    """
    if not heads and not plates:
        return MaskCounts()
    found = detector.detect(image, min_score=MASK_SCORE)
    return mask_found(image, found, heads=heads, plates=plates)


def mask_found(
    image: Image, found: Sequence[Detection], *, heads: bool, plates: bool
) -> MaskCounts:
    """Pixelate, in place, the heads and plates of what was found down to `MASK_SCORE`."""
    return MaskCounts(
        heads=_cover(image, [head_region(d.box) for d in found if heads and d.label == "person"]),
        plates=_cover(
            image,
            [
                plate_region(d.box)
                for d in found
                if plates and d.label in VEHICLES | TWO_WHEELERS and d.label != "bicycle"
            ],
        ),
    )


def head_region(person: Box) -> Box:
    """The upper quarter of a person's box, a little beyond its sides and its top.

    An adult's head is an eighth of the height; a sitting, bent or half-hidden person's is more.
    """
    margin = 0.1 * person.width
    return Box(
        person.x1 - margin,
        person.y1 - 0.04 * person.height,
        person.x2 + margin,
        person.y1 + max(0.25 * person.height, min(person.height, 0.7 * person.width)),
    )


def plate_region(vehicle: Box) -> Box:
    """The lower half of a vehicle's box: plates hang at bumper height, on either end."""
    return Box(
        vehicle.x1, vehicle.y1 + 0.45 * vehicle.height, vehicle.x2, vehicle.y1 + vehicle.height
    )


def pixelate(image: Image, region: Box) -> bool:
    """Replace a region by coarse blocks, in place; False if nothing of it is in the picture."""
    height, width = image.shape[:2]
    x1, y1 = max(0, int(region.x1)), max(0, int(region.y1))
    x2, y2 = min(width, round(region.x2 + 0.5)), min(height, round(region.y2 + 0.5))
    if x2 <= x1 or y2 <= y1:
        return False
    part = image[y1:y2, x1:x2]
    block = max(1.0, min(x2 - x1, y2 - y1) / _BLOCKS)
    small = cv2.resize(
        part,
        (max(1, round((x2 - x1) / block)), max(1, round((y2 - y1) / block))),
        interpolation=cv2.INTER_AREA,
    )
    image[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    return True


def _cover(image: Image, regions: Sequence[Box]) -> int:
    return sum(pixelate(image, region) for region in regions)
