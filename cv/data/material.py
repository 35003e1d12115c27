"""Collects what is set onto other streets: rubble, garbage, stalls and goods of training photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cv.data.cutting import Cut, cut_object
from cv.data.samples import Sample, read_image
from cv.geometry import Box, Image

__all__ = ["goods", "rubble", "things"]

_LEAST_SIDE = 48
_LEAST_RUBBLE = 64
_MOST = 160

Rng = np.random.Generator


def rubble(training: Sequence[Sample]) -> list[Image]:
    """The inside of every box of construction waste that is large enough."""
    found = []
    for sample, box in _boxes(training, "construction_waste"):
        photo = read_image(sample.image)
        x1, y1, x2, y2 = _pixels(box, photo, margin=0.10)
        if min(x2 - x1, y2 - y1) >= _LEAST_RUBBLE:
            found.append(photo[y1:y2, x1:x2])
    return found


def things(training: Sequence[Sample], label: str, rng: Rng) -> list[Cut]:
    """Cut-outs of a label, at most 160, of those that the photo shows whole."""
    boxes = _boxes(training, label)
    found: list[Cut] = []
    for index in rng.permutation(len(boxes)):
        sample, box = boxes[int(index)]
        photo = read_image(sample.image)
        x1, y1, x2, y2 = _pixels(box, photo, margin=0.0)
        is_cut_off = x1 <= 1 or x2 >= photo.shape[1] - 1 or y2 >= photo.shape[0] - 1
        if is_cut_off or min(x2 - x1, y2 - y1) < _LEAST_SIDE:
            continue
        cut = cut_object(photo, (x1, y1, x2, y2))
        if cut is not None:
            found.append(cut)
        if len(found) == _MOST:
            break
    return found


def goods(training: Sequence[Sample], stalls: Sequence[Cut], rng: Rng) -> list[Cut]:
    """What shops put out, four times, and the upper parts of stalls, without wheels and legs."""
    tops = []
    for cut in stalls:
        height = round(cut.image.shape[0] * rng.uniform(0.5, 0.7))
        if height >= 24 and float(cut.alpha[:height].mean()) > 0.5:
            tops.append(Cut(cut.image[:height], cut.alpha[:height]))
    return things(training, "storefront_goods", rng) * 4 + tops


def _boxes(training: Sequence[Sample], label: str) -> list[tuple[Sample, Box]]:
    return [(s, item.box) for s in training for item in s.boxes if item.label == label]


def _pixels(box: Box, photo: Image, *, margin: float) -> tuple[int, int, int, int]:
    """The box in pixels, smaller by a share of its size on each side."""
    height, width = photo.shape[:2]
    dx, dy = margin * box.width, margin * box.height
    return (
        round((box.x1 + dx) * width),
        round((box.y1 + dy) * height),
        round((box.x2 - dx) * width),
        round((box.y2 - dy) * height),
    )
