"""An evaluation for people, as a table, and for machines, as JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.table import Table

from cv.labels import LABELS
from cv.tables import plain_table
from cv.train.calibration import LOWEST, Calibration, calibrate
from cv.train.elsewhere import Elsewhere
from cv.train.evaluate import Evaluation
from cv.train.mistakes import confusion, false_alarms
from cv.train.scoring import Scores
from cv.train.slices import by_light, by_size, by_source

__all__ = ["evaluation_json", "evaluation_table"]


def evaluation_table(evaluation: Evaluation) -> Table:
    """AP, chosen threshold, and false alarms per clean photo, a line per label."""
    size = "x".join(map(str, evaluation.shape))
    columns = ("label", "boxes", "AP50", "AP", "from", "by", "prec.", "recall", "false")
    title = f"{evaluation.model}, {evaluation.images} held-out photos at {size}"
    table = plain_table(*columns, title=title, whole=columns, right=True)
    why = {
        "precision": f"P {evaluation.precision:.2f}",
        "f0.5": "F0.5",
        "highest": "most",
        "default": "few",
    }
    alarms = {row.label: row for row in false_alarms(evaluation.found, evaluation.used)}
    for row in evaluation.scores.labels:
        chosen = evaluation.thresholds[row.label]
        table.add_row(
            row.label,
            str(row.boxes),
            *(_cell(value) for value in (row.ap50, row.ap)),
            f"{chosen.score:.2f}",
            why[chosen.why],
            *(_cell(value) for value in (chosen.precision, chosen.recall)),
            _cell(alarms[row.label].per_photo),
        )
    table.add_section()
    boxes = sum(row.boxes for row in evaluation.scores.labels)
    other = Elsewhere.sum(evaluation.elsewhere.values())
    if other.found:
        table.caption = (
            f"Thresholds chosen in half of the places are right in {other.precision:.0%} of what "
            "they find in the other half."
        )
    means = (_cell(evaluation.scores.ap50), _cell(evaluation.scores.ap))
    table.add_row("mean", str(boxes), *means)
    return table


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything that was measured, as plain values; what could not be is null."""
    found = evaluation.found
    together, each = calibrate(evaluation.scores)
    return {
        "model": str(evaluation.model),
        "images": evaluation.images,
        "input": "x".join(map(str, evaluation.shape)),
        "precision": evaluation.precision,
        "AP50": _number(evaluation.scores.ap50),
        "AP50-95": _number(evaluation.scores.ap),
        "precision_elsewhere": _number(Elsewhere.sum(evaluation.elsewhere.values()).precision),
        "labels": _labels(evaluation),
        "false_alarms": {
            row.label: {
                "clean_photos": row.photos,
                "alarms": row.alarms,
                "per_photo": _number(row.per_photo),
                "from": evaluation.used[row.label],
            }
            for row in false_alarms(found, evaluation.used)
        },
        "sources": {name: _ap50s(scores) for name, scores in by_source(found).items()},
        "light": {
            name: {"photos": photos, **_ap50s(scores)}
            for name, (photos, scores) in by_light(found).items()
        },
        "sizes": [
            {"label": row.label, "size": row.size, "boxes": row.boxes, "AP50": _number(row.ap50)}
            for row in by_size(found)
        ],
        "confusion": {
            "rows": [*LABELS, "nothing there"],
            "columns": [*LABELS, "not found"],
            "counts": confusion(found, evaluation.used).tolist(),
        },
        "calibration": {
            "from": LOWEST,
            "all": _calibration(together),
            "labels": {label: _calibration(result) for label, result in each.items()},
        },
    }


def _labels(evaluation: Evaluation) -> dict[str, Any]:
    return {
        row.label: {
            "images": row.images,
            "boxes": row.boxes,
            "AP50": _number(row.ap50),
            "AP50-95": _number(row.ap),
            "threshold": chosen.score,
            "threshold_by": chosen.why,
            "precision": _number(chosen.precision),
            "recall": _number(chosen.recall),
            "precision_elsewhere": _number(other.precision),
            "recall_elsewhere": _number(other.recall),
        }
        for row in evaluation.scores.labels
        for chosen, other in ((evaluation.thresholds[row.label], evaluation.elsewhere[row.label]),)
    }


def _ap50s(scores: Scores) -> dict[str, Any]:
    """Of the labels that have boxes there."""
    labels = {
        row.label: {"boxes": row.boxes, "AP50": _number(row.ap50)}
        for row in scores.labels
        if row.boxes
    }
    return {"AP50": _number(scores.ap50), "labels": labels}


def _calibration(result: Calibration) -> dict[str, Any]:
    bins = [
        {"count": b.count, "score": _number(b.score), "precision": _number(b.precision)}
        for b in result.bins
    ]
    return {"ECE": _number(result.ece), "bins": bins}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
