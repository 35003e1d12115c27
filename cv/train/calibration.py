"""Whether a score of 0.7 is right seven times in ten.

Reliability diagrams and the expected calibration error (C. Guo et al., "On Calibration of Modern
Neural Networks", 2017), of detections instead of classifications: right is a true box of the label
at IoU 0.5 (F. Kueppers et al., "Multivariate Confidence Calibration for Object Detection", 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cv.train.scoring import LabelScore, Scores

__all__ = ["LOWEST", "Bin", "Calibration", "calibrate"]

LOWEST = 0.1
"""Detections below are nearly all wrong, are never shown, and would drown the rest."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Detections of nearly the same score: how many, their mean score, the share that is right."""

    count: int
    score: float
    precision: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of equal width from 0 to 1 that are not empty.

    Attributes:
        ece: mean distance of score and precision, weighted by count; nan without detections.
    """

    bins: tuple[Bin, ...]
    ece: float


def calibrate(scores: Scores) -> tuple[Calibration, dict[str, Calibration]]:
    """Of all detections above 0.1 together, and of each label's."""
    labels = {row.label: _calibration([row]) for row in scores.labels}
    return _calibration(list(scores.labels)), labels


def _calibration(rows: list[LabelScore]) -> Calibration:
    score = np.concatenate([row.scores for row in rows])
    right = np.concatenate([row.right for row in rows])
    shown = score >= LOWEST
    score, right = score[shown], right[shown]
    place = np.minimum((score * _BINS).astype(int), _BINS - 1)
    bins = tuple(
        Bin(int(mine.sum()), float(score[mine].mean()), float(right[mine].mean()))
        for mine in (place == number for number in range(_BINS))
        if mine.any()
    )
    if not bins:
        return Calibration((), float("nan"))
    off = sum(b.count * abs(b.score - b.precision) for b in bins)
    return Calibration(bins, off / sum(b.count for b in bins))
