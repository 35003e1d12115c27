"""From which score a box of the COCO model is taken as true, chosen on photos that tell.

Many training photos box some of COCO's labels completely. There the COCO model's precision can be
measured; where the label is not boxed, its boxes are trusted as far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cv.data.samples import Sample
from cv.train.average_precision import iou_matrix, match

__all__ = ["PRECISION", "choose_sure", "described"]

PRECISION = 0.85
_LOWEST, _HIGHEST = 0.3, 0.8
_UNKNOWN = 0.5
"""For labels with too few of the model's boxes to choose by."""
_FEWEST = 30


def choose_sure(
    samples: Sequence[Sample], found: Sequence[Sequence[Sequence[float]]], labels: Sequence[str]
) -> dict[str, float]:
    """The lowest score with that precision, per label, in 0.3..0.8.

    Args:
        found: per sample, rows of (index in `labels`, score, x1, y1, x2, y2 in 0..1).
    """
    return {
        label: _choose(
            [
                (_rows(rows, number), _true(sample, label))
                for sample, rows in zip(samples, found, strict=True)
                if label in sample.complete
            ]
        )
        for number, label in enumerate(labels)
    }


def described(sure: Mapping[str, float]) -> str:
    """For the log."""
    return ", ".join(f"{label} {score:.2f}" for label, score in sure.items())


def _rows(rows: Sequence[Sequence[float]], number: int) -> np.ndarray:
    mine = np.array([row for row in rows if row[0] == number]).reshape(-1, 6)
    return mine[np.argsort(-mine[:, 1], kind="stable")]


def _true(sample: Sample, label: str) -> np.ndarray:
    return np.array([item.box for item in sample.boxes if item.label == label]).reshape(-1, 4)


def _choose(photos: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    scores = np.concatenate([np.zeros(0), *(rows[:, 1] for rows, _ in photos)])
    right = np.concatenate(
        [
            np.zeros(0, dtype=np.bool_),
            *(match(iou_matrix(rows[:, 2:], true))[:, 0] >= 0 for rows, true in photos),
        ]
    )
    if len(scores) < _FEWEST:
        return _UNKNOWN
    order = np.argsort(-scores, kind="stable")
    precision = right[order].cumsum() / np.arange(1, len(scores) + 1)
    good = np.flatnonzero(precision >= PRECISION)
    lowest = float(scores[order][good[-1]]) if len(good) else _HIGHEST
    return min(_HIGHEST, max(_LOWEST, lowest))
