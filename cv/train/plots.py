"""The plots of an evaluation, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cv.labels import LABELS
from cv.train.calibration import Calibration
from cv.train.scoring import LabelScore, Scores
from cv.train.thresholds import Threshold

__all__ = ["confusion_plot", "curves_plot", "reliability_plot"]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#d1701f", "#8a8a8a"
_COLUMNS = 4


def curves_plot(scores: Scores, thresholds: Mapping[str, Threshold]) -> bytes:
    """Precision over recall for each label that has true boxes; a dot at the chosen threshold."""
    shown = [row for row in scores.labels if row.boxes]
    figure, axes = _panels(len(shown))
    for axis, row in zip(axes, shown, strict=True):
        recall, precision = _curve(row)
        axis.step(recall, precision, where="post", color=_BLUE)
        chosen = thresholds[row.label]
        axis.plot(chosen.recall, chosen.precision, "o", color=_ORANGE)
        axis.set_title(f"{row.label}\nAP50 {row.ap50:.2f}, {row.boxes} boxes", fontsize=10)
    figure.supxlabel("recall")
    figure.supylabel("precision")
    return _png(figure)


def confusion_plot(matrix: npt.NDArray[np.int64]) -> bytes:
    """Counts; the colour is the share of the row, so that rare labels can be read too."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(9.5, 8), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    numbers = range(len(LABELS) + 1)
    axis.set_xticks(numbers, [*LABELS, "(not found)"], rotation=60, ha="right")
    axis.set_yticks(numbers, [*LABELS, "(nothing there)"])
    axis.set_xlabel("found as")
    axis.set_ylabel("truth")
    for row, column in np.argwhere(matrix > 0):
        light = share[row, column] > 0.55
        axis.text(
            column,
            row,
            str(matrix[row, column]),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if light else "black",
        )
    return _png(figure)


def reliability_plot(together: Calibration, labels: Mapping[str, Calibration]) -> bytes:
    """Share that is right over the score: all labels together, then each."""
    shown: Sequence[tuple[str, Calibration]] = [
        ("all labels", together),
        *((label, result) for label, result in labels.items() if result.bins),
    ]
    figure, axes = _panels(len(shown))
    for axis, (name, result) in zip(axes, shown, strict=True):
        axis.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
        count = np.array([b.count for b in result.bins], dtype=float)
        axis.plot([b.score for b in result.bins], [b.precision for b in result.bins], color=_BLUE)
        axis.scatter(
            [b.score for b in result.bins],
            [b.precision for b in result.bins],
            s=12 + 120 * count / max(count.max(initial=0), 1),
            color=_BLUE,
            alpha=0.7,
        )
        axis.set_title(f"{name}\nECE {result.ece:.2f}, {int(count.sum())} detections", fontsize=10)
    figure.supxlabel("mean score of a bin (size of the dot: how many)")
    figure.supylabel("share that is right")
    return _png(figure)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many small plots of 0..1 over 0..1."""
    rows = max(1, -(-count // _COLUMNS))
    figure = Figure(figsize=(12, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.set_axis_off()
    for axis in axes[:count]:
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1.02)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=8, labelbottom=True, labelleft=True)
    return figure, list(axes[:count])


def _curve(row: LabelScore) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    order = np.argsort(-row.scores, kind="stable")
    hits = row.right[order].cumsum()
    return hits / row.boxes, hits / np.arange(1, len(hits) + 1)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"format": "png", "dpi": 90}
    # No date and no version inside: the same evaluation gives the same file.
    figure.savefig(buffer, metadata={"Software": None}, **options)
    return buffer.getvalue()
