"""Scores a detector on held-out photos, each label only where it is boxed exhaustively."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cv.labels import LABELS
from cv.train.average_precision import IOUS, average_precision
from cv.train.detections import Floats, Found

__all__ = ["LabelScore", "Scores", "label_scores", "score"]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label is found.

    Attributes:
        images: photos in which the label is complete.
        boxes: true boxes in them.
        ap50, ap: average precision at IoU 0.5, and averaged over 0.5-0.95; nan without boxes.
        scores, right: every detection in them, and whether it is right at IoU 0.5.
    """

    label: str
    images: int
    boxes: int
    ap50: float
    ap: float
    scores: Floats
    right: npt.NDArray[np.bool_]

    def above(self, threshold: float) -> tuple[int, int]:
        """How many detections have at least this score, and how many of those are right."""
        counted = self.scores >= threshold
        return int(counted.sum()), int((self.right & counted).sum())

    def worth(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of what has at least this score; nan where there is nothing."""
        found, right = self.above(threshold)
        return (
            right / found if found else float("nan"),
            right / self.boxes if self.boxes else float("nan"),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """All labels; the means are over labels that have true boxes."""

    labels: tuple[LabelScore, ...]
    ap50: float
    ap: float


def score(found: Sequence[Found]) -> Scores:
    """Score what a detector found; the photos may be all of them or any slice."""
    labels = label_scores(found)
    seen = [row for row in labels if row.boxes]
    if not seen:
        return Scores(labels, float("nan"), float("nan"))
    return Scores(
        labels,
        float(np.mean([row.ap50 for row in seen])),
        float(np.mean([row.ap for row in seen])),
    )


def label_scores(found: Sequence[Found]) -> tuple[LabelScore, ...]:
    """Each label's score, in the order of `LABELS`."""
    return tuple(_label_score(number, found) for number in range(len(LABELS)))


def _label_score(number: int, found: Sequence[Found]) -> LabelScore:
    label = LABELS[number]
    scored = [photo for photo in found if label in photo.sample.complete]
    boxes = sum(int((photo.true_labels == number).sum()) for photo in scored)
    mine = [photo.labels == number for photo in scored]
    empty = np.zeros(0, dtype=np.float32), np.zeros((0, len(IOUS)), dtype=np.bool_)
    scores = np.concatenate([empty[0], *(p.scores[m] for p, m in zip(scored, mine, strict=True))])
    right = np.concatenate(
        [empty[1], *(p.partners[m] >= 0 for p, m in zip(scored, mine, strict=True))]
    )
    aps = [average_precision(scores, right[:, n], boxes) for n in range(len(IOUS))]
    return LabelScore(label, len(scored), boxes, aps[0], float(np.mean(aps)), scores, right[:, 0])
