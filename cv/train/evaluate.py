"""`kerbwatch train evaluate`: AP per label on photos of places that training never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from cv.cpus import usable_cpus
from cv.data.samples import Sample, read_sources, split
from cv.detect.backends import open_backend
from cv.errors import ModelError
from cv.geometry import Image
from cv.tables import plain_table
from cv.train.scoring import Floats, Predict, Scores, score
from cv.train.thresholds import Threshold, choose_thresholds

__all__ = ["Evaluation", "evaluate", "held_out", "open_predictor", "predict_with_onnx"]

_BY = {"precision": "P 0.85", "f0.5": "F0.5", "default": "few"}
"""How a threshold was chosen, short: a table should fit 80 columns."""

MIN_SIDE = 128
"""Smallest input side: below it there are fewer anchors than the 300 boxes that are given out."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a model on held-out photos, and the thresholds that follow from them."""

    model: Path
    images: int
    shape: tuple[int, int]
    scores: Scores
    thresholds: dict[str, Threshold]

    def as_json(self) -> dict[str, Any]:
        """Plain values; what could not be measured is null."""
        return {
            "model": str(self.model),
            "images": self.images,
            "input": "x".join(map(str, self.shape)),
            "AP50": _number(self.scores.ap50),
            "AP50-95": _number(self.scores.ap),
            "labels": {
                row.label: {
                    "images": row.images,
                    "boxes": row.boxes,
                    "AP50": _number(row.ap50),
                    "AP50-95": _number(row.ap),
                    "threshold": self.thresholds[row.label].score,
                    "threshold_by": self.thresholds[row.label].why,
                    "precision": _number(self.thresholds[row.label].precision),
                    "recall": _number(self.thresholds[row.label].recall),
                }
                for row in self.scores.labels
            },
        }

    def as_table(self) -> Table:
        """For people."""
        size = "x".join(map(str, self.shape))
        columns = ("label", "photos", "boxes", "AP50", "AP", "from", "by", "prec.", "recall")
        title = f"{self.model}, {self.images} held-out photos at {size}"
        table = plain_table(*columns, title=title, whole=columns, right=True)
        for row in self.scores.labels:
            chosen = self.thresholds[row.label]
            table.add_row(
                row.label,
                str(row.images),
                str(row.boxes),
                *(_cell(value) for value in (row.ap50, row.ap)),
                f"{chosen.score:.2f}",
                _BY[chosen.why],
                *(_cell(value) for value in (chosen.precision, chosen.recall)),
            )
        table.add_section()
        boxes = sum(row.boxes for row in self.scores.labels)
        means = (_cell(self.scores.ap50), _cell(self.scores.ap))
        table.add_row("mean", str(self.images), str(boxes), *means)
        return table


def evaluate(model: Path, data: Path, *, imgsz: int = 640) -> Evaluation:
    """Score an ONNX file or a checkpoint (.pt) on the held-out groups of `data`.

    Raises:
        ModelError: the model or the data cannot be used, or the size is not allowed.
    """
    if imgsz % 32 or imgsz < MIN_SIDE:
        raise ModelError(f"imgsz {imgsz}: must be a multiple of 32, at least {MIN_SIDE}")
    samples = held_out(data)
    shape = (imgsz, imgsz)
    scores = score(samples, open_predictor(model), shape)
    return Evaluation(model, len(samples), shape, scores, choose_thresholds(scores))


def held_out(data: Path) -> Sequence[Sample]:
    """The photos that never train.

    Raises:
        ModelError: no photos, or too few groups to hold any out.
    """
    _, samples = split(read_sources(data))
    if not samples:
        raise ModelError(f"{data}: every source is a single group, so none can be held out")
    return samples


def open_predictor(model: Path) -> Predict:
    """Load an ONNX file or a checkpoint to run on letterboxed images.

    Raises:
        ModelError: no such file, or not a model.
    """
    if model.suffix == ".pt":
        from cv.train.stack import load_stack

        load_stack()
        from cv.train.graph import Deployed, predict_with_torch
        from cv.train.network import load_checkpoint

        return predict_with_torch(Deployed(load_checkpoint(model)))
    try:
        content = model.read_bytes()
    except OSError as error:
        raise ModelError(f"{model}: {error.strerror}") from error
    return predict_with_onnx(content, model)


def predict_with_onnx(content: bytes, path: Path, backend: str = "onnxruntime") -> Predict:
    """Run an ONNX file as the detector does."""
    session = open_backend(backend, content, path, usable_cpus())

    def predict(image: Image) -> Floats:
        return session.infer(image[None])

    return predict


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
