"""Boxes that a person should look at: allowed, but seldom meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from cv.data.samples import Sample
from cv.geometry import UNIT, Box, iou

__all__ = ["SIDE", "Doubt", "Suspicious", "pixel_box", "suspicious_boxes"]

SIDE = 640
"""Side of the detector's square input, in pixels."""
_TINY = 4.0
"""Pixels at `SIDE`: less than the detector's finest stride of 8 can tell."""
_HUGE = 0.95
_TWINS = 0.9
_LONG = 10.0
_OUTSIDE = 0.002
"""Share of the photo's side; less is rounding."""


class Doubt(StrEnum):
    """Why a box is suspicious."""

    TINY = "tiny"
    HUGE = "huge"
    OFF_IMAGE = "off-image"
    TWIN = "twin"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Suspicious:
    """A box to look at; `measure` is the number that made it so, in words."""

    doubt: Doubt
    sample: Sample
    number: int
    measure: str

    @property
    def label(self) -> str:
        return self.sample.boxes[self.number].label

    @property
    def box(self) -> Box:
        """In 0..1 of the photo, or beyond."""
        return self.sample.boxes[self.number].box


def pixel_box(box: Box, size: tuple[int, int], side: int = SIDE) -> Box:
    """A 0..1 box in pixels of a photo that is scaled so that its longer side has `side` pixels."""
    scale = side / max(size)
    return box.resized(UNIT, (size[0] * scale, size[1] * scale))


def suspicious_boxes(sample: Sample, size: tuple[int, int]) -> Iterator[Suspicious]:
    """The boxes of one photo that are worth a look, with the reason.

    Args:
        size: width, height of the photo in pixels.
    """
    for number, item in enumerate(sample.boxes):
        for doubt, measure in _doubts(item.box, pixel_box(item.box, size)):
            yield Suspicious(doubt, sample, number, measure)
    for first, second in combinations(range(len(sample.boxes)), 2):
        a, b = sample.boxes[first], sample.boxes[second]
        if a.label == b.label and (shared := iou(a.box, b.box)) > _TWINS:
            yield Suspicious(Doubt.TWIN, sample, second, f"IoU {shared:.2f}")


def _doubts(box: Box, pixels: Box) -> Iterator[tuple[Doubt, str]]:
    short, long = sorted((pixels.width, pixels.height))
    if short < _TINY:
        yield Doubt.TINY, f"{short:.1f} px at {SIDE}"
    elif long / short > _LONG:
        yield Doubt.LONG, f"{long / short:.0f} to 1"
    if box.area > _HUGE:
        yield Doubt.HUGE, f"{box.area:.0%} of the photo"
    beyond = max(-box.x1, -box.y1, box.x2 - 1, box.y2 - 1)
    if beyond > _OUTSIDE:
        yield Doubt.OFF_IMAGE, f"{beyond:.1%} beyond the edge"
