"""Checks that an ONNX file does what the torch network does, on real photos and every shape used.

Scores near each other may swap places in the 300 that are given out, so detections are compared as
sets: each of torch's above a score must be there in ONNX with the same label and nearly the same
box and score, and the other way round.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from cv.data.samples import Sample
from cv.tables import plain_table
from cv.train.detections import Floats, Found, Predict, found_in, load_photo
from cv.train.scoring import Scores, score

__all__ = ["EXACT", "SHAPES", "Parity", "check_parity", "compare_rows", "parity_table"]

EXACT = "onnxruntime"
"""The candidate that computes in float32 as torch does."""
SHAPES = ((640, 640), (384, 640))
"""(height, width) that the detector uses."""

_BOX_PX = 1.0
_SCORE = 0.01
_AP = 0.001
_AP50_LOST = 0.005
"""What a coarser way to compute (INT8, bfloat16) may cost."""
_FROM_SCORE = 0.1


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two networks are apart on one shape.

    Attributes:
        compared: detections above 0.1 on either side.
        missing: of these, those without a partner (same label, within 1 px and 0.01).
        box_px, score: largest differences to the nearest partner of the same label.
        ap50, ap: lost; torch's minus the other's.
        exact: computed in float32, so every detection must agree; else only AP50 counts.
        ms: median time per photo, with all cores; tells kinds on one machine apart, no more.
        found: by the ONNX file on this shape.
    """

    backend: str
    shape: tuple[int, int]
    compared: int
    missing: int
    box_px: float
    score: float
    ap50: float
    ap: float
    exact: bool
    ms: float
    found: Sequence[Found]

    @property
    def passed(self) -> bool:
        if not self.exact:
            return self.ap50 <= _AP50_LOST
        return self.missing == 0 and max(abs(self.ap50), abs(self.ap)) <= _AP


def compare_rows(a: Floats, b: Floats) -> tuple[float, float]:
    """Largest distance of a detection in `a` (score above 0.1) from its nearest in `b`.

    Nearest is by the larger of box difference / 1 px and score difference / 0.01, same label.

    Args:
        a, b: float32 [N, 6] x1, y1, x2, y2, score, label id.

    Returns:
        box difference in px, score difference; infinite if the label is not in `b` at all.
    """
    boxes, scores = _differences(a, b)
    return float(boxes.max(initial=0.0)), float(scores.max(initial=0.0))


def _differences(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    a = a[a[:, 4] > _FROM_SCORE]
    infinite = np.full(len(a), np.inf, dtype=np.float32)
    if not len(a) or not len(b):
        return infinite, infinite
    box = np.abs(a[:, None, :4] - b[None, :, :4]).max(axis=2)
    score_difference = np.abs(a[:, None, 4] - b[None, :, 4])
    distance = np.maximum(box / _BOX_PX, score_difference / _SCORE)
    distance[a[:, None, 5] != b[None, :, 5]] = np.inf
    nearest = distance.argmin(axis=1)
    row = np.arange(len(a))
    alone = np.isinf(distance[row, nearest])
    return (
        np.where(alone, np.inf, box[row, nearest]),
        np.where(alone, np.inf, score_difference[row, nearest]),
    )


def check_parity(
    samples: Sequence[Sample], reference: Predict, candidates: dict[str, Predict]
) -> list[Parity]:
    """Compare candidates, by name of what runs them, with the reference on every shape."""
    return [
        parity for shape in SHAPES for parity in _check_shape(samples, reference, candidates, shape)
    ]


def _check_shape(
    samples: Sequence[Sample],
    reference: Predict,
    candidates: dict[str, Predict],
    shape: tuple[int, int],
) -> list[Parity]:
    expected: list[Found] = []
    tallies = {name: _Tally() for name in candidates}
    for sample in samples:
        photo = load_photo(sample, shape)
        true = reference(photo.fitted.image)
        expected.append(found_in(sample, photo, true))
        for name, candidate in candidates.items():
            began = time.perf_counter()
            given = candidate(photo.fitted.image)
            tallies[name].times.append(time.perf_counter() - began)
            tallies[name].found.append(found_in(sample, photo, given))
            tallies[name].add(true, given)
    scores = score(expected)
    return [tally.result(name, shape, scores) for name, tally in tallies.items()]


class _Tally:
    """What one candidate did on one shape."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.times: list[float] = []
        self._box: list[Floats] = []
        self._score: list[Floats] = []

    def add(self, true: Floats, given: Floats) -> None:
        for a, b in ((true, given), (given, true)):
            box, difference = _differences(a, b)
            self._box.append(box)
            self._score.append(difference)

    def result(self, name: str, shape: tuple[int, int], expected: Scores) -> Parity:
        box, difference = np.concatenate(self._box), np.concatenate(self._score)
        scores = score(self.found)
        return Parity(
            backend=name,
            shape=shape,
            compared=len(box),
            missing=int(((box > _BOX_PX) | (difference > _SCORE)).sum()),
            box_px=float(box.max(initial=0.0)),
            score=float(difference.max(initial=0.0)),
            ap50=expected.ap50 - scores.ap50,
            ap=expected.ap - scores.ap,
            exact=name == EXACT,
            ms=1000 * float(np.median(self.times)),
            found=self.found,
        )


def parity_table(
    rows: Sequence[Parity], compared: str = "torch against the exported file"
) -> Table:
    """For people."""
    columns = (
        "backend",
        "input",
        "boxes",
        "apart",
        "px",
        "score",
        "AP50 lost",
        "AP lost",
        "ms",
        "",
    )
    title = f"{compared} (AP50, AP: what is lost)"
    table = plain_table(*columns, title=title, whole=columns, right=True)
    for row in rows:
        table.add_row(
            row.backend,
            f"{row.shape[0]}x{row.shape[1]}",
            str(row.compared),
            str(row.missing),
            f"{row.box_px:.3f}",
            f"{row.score:.4f}",
            f"{row.ap50:+.4f}",
            f"{row.ap:+.4f}",
            f"{row.ms:.0f}",
            "equal" if row.passed and row.exact else "ok" if row.passed else "[red]differs[/red]",
        )
    return table
