"""Chooses, per label, the lowest score that counts as a detection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cv.train.scoring import LabelScore, Scores

__all__ = [
    "DEFAULT",
    "FEWEST_BOXES",
    "PRECISION",
    "Threshold",
    "choose_threshold",
    "choose_thresholds",
]

DEFAULT = 0.5
"""For labels with too few held-out boxes to choose by: high, for none knows how right they are."""
FEWEST_BOXES = 10
PRECISION = 0.85
"""Share of right detections that thresholds are chosen for."""
_LOWEST, _HIGHEST = 0.2, 0.7
_RECALL_KEPT = 0.4
"""Share of the recall at the best F0.5 that the stated precision must leave."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what it gave on the held-out photos.

    Attributes:
        why: "precision" (the stated one is reached), "f0.5" (it would cost too much recall),
            "highest" (it would take more than the highest threshold), or "default".
        precision, recall: at `score`; nan where there was nothing to measure.
    """

    score: float
    why: str
    precision: float
    recall: float


def choose_threshold(row: LabelScore, precision: float = PRECISION) -> Threshold:
    """The lowest score with that precision if recall stays useful, else that of the best F0.5.

    F0.5 counts precision twice as much as recall (C. J. van Rijsbergen, Information Retrieval,
    1979, ch. 7): a wrong alarm costs an officer's way, a miss is seen at the next look.
    Always in 0.2..0.7; a label with fewer than 10 held-out boxes gets 0.5.
    """
    if row.boxes < FEWEST_BOXES:
        return _measured(row, DEFAULT, "default")
    # As they will be written: rounding must not let in what was not counted.
    rounded = np.floor(row.scores.astype(np.float64) * 1000) / 1000
    order = np.argsort(-rounded, kind="stable")
    scores, hits = rounded[order], row.right[order].cumsum()
    allowed = (scores >= _LOWEST) & np.append(scores[1:] != scores[:-1], True)
    scores, hits = scores[allowed], hits[allowed]
    if not len(scores) or hits[-1] == 0:
        return _measured(row, DEFAULT, "default")
    found = np.flatnonzero(allowed) + 1
    best = int((1.25 * hits / (found + 0.25 * row.boxes)).argmax())
    precise = np.flatnonzero(hits >= precision * found)
    if len(precise) and hits[precise[-1]] >= _RECALL_KEPT * hits[best]:
        chosen = _measured(row, float(scores[precise[-1]]), "precision")
        return chosen if chosen.precision >= precision else replace(chosen, why="highest")
    return _measured(row, float(scores[best]), "f0.5")


def choose_thresholds(scores: Scores, precision: float = PRECISION) -> dict[str, Threshold]:
    """One threshold per label."""
    return {row.label: choose_threshold(row, precision) for row in scores.labels}


def _measured(row: LabelScore, score: float, why: str) -> Threshold:
    score = float(np.clip(score, _LOWEST, _HIGHEST))
    return Threshold(score, why, *row.worth(score))
