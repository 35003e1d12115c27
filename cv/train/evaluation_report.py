"""An evaluation as a folder: an HTML page that needs nothing else, the plots, and JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2
import numpy as np

from cv.data.samples import read_image
from cv.detect.drawing import RED, draw_box
from cv.errors import UserError
from cv.geometry import Box
from cv.labels import LABELS
from cv.train.calibration import LOWEST, calibrate
from cv.train.detections import Found
from cv.train.evaluate import Evaluation
from cv.train.evaluation_tables import evaluation_json
from cv.train.mistakes import confusion, false_alarms
from cv.train.plots import confusion_plot, curves_plot, reliability_plot
from cv.train.scoring import LabelScore, Scores
from cv.train.slices import DARK, SIZES, SizeScore, by_light, by_size, by_source

__all__ = ["write_evaluation"]

_GREEN = (60, 160, 40)
_SHOWN = 8
"""Mistakes per label that have a picture."""
_SIDE = 320

Cells = Sequence[str]


def write_evaluation(evaluation: Evaluation, folder: Path) -> Path:
    """Write `report.html`, three PNG and `evaluation.json`; gives the page.

    Raises:
        UserError: the folder cannot be written.
    """
    together, each = calibrate(evaluation.scores)
    plots = {
        "curves": curves_plot(evaluation.scores, evaluation.thresholds),
        "confusion": confusion_plot(confusion(evaluation.found, evaluation.used)),
        "reliability": reliability_plot(together, each),
    }
    template = files("cv.train").joinpath("evaluation.html").read_text(encoding="utf-8")
    page = Template(template).substitute(
        model=escape(str(evaluation.model)),
        images=evaluation.images,
        input="x".join(map(str, evaluation.shape)),
        precision=f"{evaluation.precision:.0%}",
        labels=_labels(evaluation),
        sources=_matrix(by_source(evaluation.found)),
        dark=DARK,
        light=_matrix(
            {
                f"{name} ({photos} photos)": scores
                for name, (photos, scores) in by_light(evaluation.found).items()
            }
        ),
        sizes=_sizes(evaluation.found),
        used=", ".join(f"{label} {score:.2f}" for label, score in evaluation.used.items()),
        lowest=LOWEST,
        ece=_cell(together.ece),
        mistakes="".join(_mistakes(evaluation.found)) or "<p>none</p>",
        **{name: _address(png, "png") for name, png in plots.items()},
    )
    contents = {f"{name}.png": png for name, png in plots.items()}
    contents["evaluation.json"] = json.dumps(evaluation_json(evaluation), indent=1).encode()
    contents["report.html"] = page.encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}") from error
    return folder / "report.html"


def _labels(evaluation: Evaluation) -> str:
    heads = ("photos", "boxes", "AP50", "AP50-95", "threshold", "precision", "recall", "elsewhere")
    alarms = {row.label: row for row in false_alarms(evaluation.found, evaluation.used)}
    rows = [
        (
            row.label,
            str(row.images),
            str(row.boxes),
            *(_cell(value) for value in (row.ap50, row.ap)),
            f"{chosen.score:.2f}",
            *(_cell(value) for value in (chosen.precision, chosen.recall)),
            _cell(evaluation.elsewhere[row.label].precision),
            f"{_cell(alarm.per_photo)} <small>{alarm.alarms} in {alarm.photos}</small>",
        )
        for row in evaluation.scores.labels
        for chosen, alarm in ((evaluation.thresholds[row.label], alarms[row.label]),)
    ]
    boxes = sum(row.boxes for row in evaluation.scores.labels)
    means = (evaluation.scores.ap50, evaluation.scores.ap)
    last = ("mean", str(evaluation.images), str(boxes), *map(_cell, means))
    return _table(("label", *heads, "false alarms"), rows, last)


def _matrix(parts: Mapping[str, Scores]) -> str:
    """A row per label, a column per part."""
    rows = [
        (label, *(_ap50(scores.labels[number]) for scores in parts.values()))
        for number, label in enumerate(LABELS)
        if any(scores.labels[number].boxes for scores in parts.values())
    ]
    last = ("mean", *(_cell(scores.ap50) for scores in parts.values()))
    return _table(("label", *map(escape, parts)), rows, last)


def _ap50(row: LabelScore) -> str:
    return f"{_cell(row.ap50)} <small>{row.boxes}</small>" if row.boxes else ""


def _sizes(found: Sequence[Found]) -> str:
    scores = {(row.label, row.size): row for row in by_size(found)}
    rows = [
        (label, *(_size_cell(scores.get((label, size))) for size in SIZES))
        for label in LABELS
        if any((label, size) in scores for size in SIZES)
    ]
    return _table(("label", *SIZES), rows)


def _size_cell(row: SizeScore | None) -> str:
    return f"{_cell(row.ap50)} <small>{row.boxes}</small>" if row else ""


def _table(heads: Cells, rows: Sequence[Cells], last: Cells | None = None) -> str:
    def line(cells: Cells, tag: str, mark: str = "") -> str:
        return f"<tr{mark}>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>\n"

    body = "".join(line(row, "td") for row in rows)
    end = line(last, "td", ' class="sum"') if last else ""
    return f"<table>\n{line(heads, 'th')}{body}{end}</table>\n"


def _mistakes(found: Sequence[Found]) -> Iterator[str]:
    for number, label in enumerate(LABELS):
        wrong = [
            (float(photo.scores[row]), order, int(row))
            for order, photo in enumerate(found)
            if label in photo.sample.complete
            for row in np.flatnonzero((photo.labels == number) & (photo.partners[:, 0] < 0))
            if photo.scores[row] >= LOWEST
        ]
        figures = "".join(
            f'<figure><img loading="lazy" alt="" src="{_picture(found[order], row)}"><figcaption>'
            f"{score:.2f} {escape(_name(found[order]))}</figcaption></figure>\n"
            for score, order, row in sorted(wrong, reverse=True)[:_SHOWN]
        )
        if figures:
            yield f'<h3>{label}</h3>\n<div class="wrong">{figures}</div>\n'


def _name(photo: Found) -> str:
    return f"{photo.sample.source}/{photo.sample.image.name}"


def _picture(photo: Found, row: int) -> str:
    """The mistake in red, true boxes of its label in green."""
    image = read_image(photo.sample.image)
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for true in photo.true_boxes[photo.true_labels == photo.labels[row]]:
        draw_box(small, Box(*(float(value) * scale for value in true)), _GREEN)
    draw_box(small, Box(*(float(value) * scale for value in photo.boxes[row])), RED)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 72]
    return _address(cv2.imencode(".jpg", small, quality)[1].tobytes(), "jpeg")


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
