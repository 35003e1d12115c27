"""What is taken for what, and how often a photo without a label raises a false alarm of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cv.labels import LABELS
from cv.train.average_precision import iou_matrix, match
from cv.train.detections import Found

__all__ = ["FalseAlarms", "confusion", "false_alarms"]

NOTHING = len(LABELS)
"""Last row of the confusion matrix: nothing is there. Last column: nothing was found."""


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Detections of a label in the photos that are known to have none of it."""

    label: str
    photos: int
    alarms: int

    @property
    def per_photo(self) -> float:
        return self.alarms / self.photos if self.photos else float("nan")


def false_alarms(found: Sequence[Found], thresholds: Mapping[str, float]) -> list[FalseAlarms]:
    """Per label; a photo is clean of a label that is complete in it and has no box there."""
    rows = []
    for number, label in enumerate(LABELS):
        clean = [
            photo
            for photo in found
            if label in photo.sample.complete and not (photo.true_labels == number).any()
        ]
        alarms = sum(
            int(((p.labels == number) & (p.scores >= thresholds[label])).sum()) for p in clean
        )
        rows.append(FalseAlarms(label, len(clean), alarms))
    return rows


def confusion(found: Iterable[Found], thresholds: Mapping[str, float]) -> npt.NDArray[np.int64]:
    """How many true boxes of each label (row) are found as which label (column), at IoU 0.5.

    A detection first looks for a true box of its own label, then for any other that is left: a
    person on a motorcycle is no mistake where persons are not boxed. So a true box counts where its
    label is complete, and what is found counts as a mistake where that label is complete.

    Returns:
        int [14, 14]; the last row is "nothing there", the last column "not found".
    """
    matrix = np.zeros((NOTHING + 1, NOTHING + 1), dtype=np.int64)
    least = np.array([thresholds[label] for label in LABELS])
    for photo in found:
        _count(photo, photo.scores >= least[photo.labels], matrix)
    return matrix


def _count(photo: Found, shown: npt.NDArray[np.bool_], matrix: npt.NDArray[np.int64]) -> None:
    complete = np.array([label in photo.sample.complete for label in LABELS])
    counted = shown & complete[photo.labels]
    labels, true_labels = photo.labels[counted], photo.true_labels
    partner = photo.partners[counted, 0]
    overlaps = iou_matrix(photo.boxes[counted], photo.true_boxes)
    overlaps[:, partner[partner >= 0]] = -1.0
    overlaps[partner >= 0] = -1.0
    partner = np.where(partner >= 0, partner, match(overlaps)[:, 0])
    found_as = np.full(len(true_labels), NOTHING)
    found_as[partner[partner >= 0]] = labels[partner >= 0]
    known = complete[true_labels]
    np.add.at(matrix, (true_labels[known], found_as[known]), 1)
    np.add.at(matrix[NOTHING], labels[partner < 0], 1)
