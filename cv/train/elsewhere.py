"""What thresholds are worth in places that did not choose them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from cv.labels import LABELS
from cv.train.detections import Found
from cv.train.scoring import label_scores
from cv.train.thresholds import PRECISION, choose_threshold

__all__ = ["Elsewhere", "elsewhere"]

_HALVINGS = 10


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Detections above thresholds that other photos chose, and how many of them are right.

    Attributes:
        found, right: summed over all halvings.
        boxes: true boxes, as often.
    """

    found: int = 0
    right: int = 0
    boxes: int = 0

    @property
    def precision(self) -> float:
        """nan where nothing was found."""
        return self.right / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """nan where there was nothing to find."""
        return self.right / self.boxes if self.boxes else float("nan")

    @classmethod
    def sum(cls, rows: Iterable[Elsewhere]) -> Elsewhere:
        """Of several labels."""
        return reduce(cls.plus, rows, cls())

    def plus(self, other: Elsewhere) -> Elsewhere:
        return Elsewhere(
            self.found + other.found, self.right + other.right, self.boxes + other.boxes
        )


def elsewhere(found: Sequence[Found], precision: float = PRECISION) -> dict[str, Elsewhere]:
    """Per label, what thresholds for `precision` give on photos that had no part in choosing them.

    Held-out photos are halved by whole groups, ten times, by a hash of the groups' names; each
    half's thresholds are counted on the other half (cross-validation with two folds, repeated).
    Half the photos choose worse than all of them, so this is rather a lower limit.
    """
    sums = dict.fromkeys(LABELS, Elsewhere())
    for number in range(_HALVINGS):
        halves: tuple[list[Found], list[Found]] = [], []
        for photo in found:
            digest = hashlib.sha256(f"{number}/{photo.sample.group}".encode()).digest()
            halves[digest[0] % 2].append(photo)
        scores = [label_scores(half) for half in halves]
        for chooses, counts in (scores, scores[::-1]):
            for one, other in zip(chooses, counts, strict=True):
                threshold = choose_threshold(one, precision).score
                counted = Elsewhere(*other.above(threshold), other.boxes)
                sums[one.label] = sums[one.label].plus(counted)
    return sums
