"""Scores of parts: each source, day and night, and sizes of boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cv.labels import LABELS
from cv.train.average_precision import IOUS, average_precision, iou_matrix, match
from cv.train.detections import Found
from cv.train.scoring import Scores, score

__all__ = ["SIZES", "SizeScore", "by_light", "by_size", "by_source"]

DARK = 0.25
"""Mean of a photo's pixels below which it counts as taken at night."""

SIZES: dict[str, tuple[float, float]] = {
    "small": (0.0, 32.0),
    "medium": (32.0, 96.0),
    "large": (96.0, float("inf")),
}
"""COCO's size classes (`cocoeval.py`): square root of a box's area in pixels of the input."""


@dataclass(frozen=True, slots=True)
class SizeScore:
    """How well boxes of one label and size are found: AP50, nan without boxes."""

    label: str
    size: str
    boxes: int
    ap50: float


def by_source(found: Sequence[Found]) -> dict[str, Scores]:
    """Scores of each source's photos."""
    parts: defaultdict[str, list[Found]] = defaultdict(list)
    for photo in found:
        parts[photo.sample.source].append(photo)
    return {source: score(photos) for source, photos in sorted(parts.items())}


def by_light(found: Sequence[Found]) -> dict[str, tuple[int, Scores]]:
    """Number of photos and scores, of bright ones and of dark ones."""
    dark = [photo for photo in found if photo.brightness < DARK]
    bright = [photo for photo in found if photo.brightness >= DARK]
    return {"day": (len(bright), score(bright)), "night": (len(dark), score(dark))}


def by_size(found: Sequence[Found]) -> list[SizeScore]:
    """AP50 of each label and size that has boxes.

    As in COCO, what finds a true box of another size counts neither way, nor does a detection of
    another size that finds nothing.
    """
    rows = [_size_score(number, size, found) for number in range(len(LABELS)) for size in SIZES]
    return [row for row in rows if row.boxes]


def _size_score(number: int, size: str, found: Sequence[Found]) -> SizeScore:
    low, high = SIZES[size]
    scores, right, count = [np.zeros(0)], [np.zeros(0, dtype=np.bool_)], 0
    for photo in found:
        if LABELS[number] not in photo.sample.complete:
            continue
        true_boxes = photo.true_boxes[photo.true_labels == number]
        true_in = _in_range(true_boxes * photo.scale, low, high)
        count += int(true_in.sum())
        mine = photo.labels == number
        overlaps = iou_matrix(photo.boxes[mine], true_boxes)
        # Of several it finds one of this size, and only where there is none another.
        partner = match(np.where(overlaps >= IOUS[0], overlaps + true_in, overlaps))[:, 0]
        hit = partner >= 0
        counts = _in_range(photo.boxes[mine] * photo.scale, low, high)
        counts[hit] = true_in[partner[hit]]
        scores.append(photo.scores[mine][counts])
        right.append(hit[counts])
    ap50 = average_precision(np.concatenate(scores), np.concatenate(right), count)
    return SizeScore(LABELS[number], size, count, ap50)


def _in_range(boxes: np.ndarray, low: float, high: float) -> np.ndarray:
    side = np.sqrt((boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1))
    result: np.ndarray = (side >= low) & (side < high)
    return result
