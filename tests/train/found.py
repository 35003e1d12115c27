"""Detections beside true boxes, without a network and without photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cv.data.samples import LabelledBox, Sample
from cv.detect.letterbox import letterbox
from cv.geometry import Box
from cv.labels import LABELS
from cv.train.detections import Found, Photo, found_in

SIDE = 640

Labelled = tuple[str, tuple[float, float, float, float]]
"""A label and x1, y1, x2, y2 in pixels of a 640x640 photo."""


def found(
    true: Sequence[Labelled] = (),
    detected: Sequence[tuple[str, tuple[float, float, float, float], float]] = (),
    *,
    complete: Sequence[str] = LABELS,
    source: str = "here",
    brightness: float = 0.5,
    image: Path = Path("none.png"),
) -> Found:
    """`detected` has a score, too."""
    boxes = tuple(LabelledBox(label, Box(*(value / SIDE for value in box))) for label, box in true)
    sample = Sample(image, source, f"{source}/1", frozenset(complete), boxes)
    blank = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    rows = [(*box, score, LABELS.index(label)) for label, box, score in detected]
    photo = Photo(letterbox(blank, (SIDE, SIDE)), (SIDE, SIDE), brightness)
    return found_in(sample, photo, np.array(rows, dtype=np.float32).reshape(-1, 6))
