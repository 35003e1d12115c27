"""What a detector finds in labelled photos, kept so that any score can be computed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cv.data.samples import Sample, read_image
from cv.detect.letterbox import Letterbox, letterbox
from cv.geometry import Image
from cv.labels import LABELS
from cv.train.average_precision import iou_matrix, match

__all__ = ["Floats", "Found", "Photo", "Predict", "find", "found_in", "load_photo"]

Floats = npt.NDArray[np.float32]

Predict = Callable[[Image], Floats]
"""uint8 [H, W, 3] BGR -> float32 [N, 6]: x1, y1, x2, y2 in input pixels, score, label id."""

_LOWEST = 0.001
"""Detections below do not enter the precision-recall curve (ultralytics' and COCO's habit)."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo as a network sees it.

    Attributes:
        fitted: letterboxed into the network's input.
        size: the photo's own (width, height).
        brightness: mean of its pixels, 0..1.
    """

    fitted: Letterbox
    size: tuple[int, int]
    brightness: float


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One photo's N detections, best first, and its M true boxes.

    Attributes:
        boxes: float [N, 4] xyxy in pixels of the photo.
        scores: float [N].
        labels: int [N].
        partners: int [N, 10], the true box of the same label that a detection finds at each of
            `IOUS`, or -1.
        true_boxes: float [M, 4].
        true_labels: int [M].
        scale: input pixels per pixel of the photo.
    """

    sample: Sample
    brightness: float
    scale: float
    boxes: Floats
    scores: Floats
    labels: npt.NDArray[np.int64]
    partners: npt.NDArray[np.int64]
    true_boxes: npt.NDArray[np.float64]
    true_labels: npt.NDArray[np.int64]


def load_photo(sample: Sample, shape: tuple[int, int]) -> Photo:
    """Read a sample's photo and fit it into (height, width)."""
    image = read_image(sample.image)
    size = (image.shape[1], image.shape[0])
    return Photo(letterbox(image, shape), size, float(image.mean()) / 255)


def find(samples: Sequence[Sample], predict: Predict, shape: tuple[int, int]) -> Iterator[Found]:
    """Run a detector on photos that are letterboxed into (height, width)."""
    for sample in samples:
        photo = load_photo(sample, shape)
        yield found_in(sample, photo, predict(photo.fitted.image))


def found_in(sample: Sample, photo: Photo, rows: Floats) -> Found:
    """One photo's detections beside its true boxes.

    Args:
        photo: the same photo as the network saw it.
        rows: [N, 6] as a `Predict` gives them.
    """
    rows = rows[rows[:, 4] >= _LOWEST]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    boxes = photo.fitted.to_source(rows[:, :4], *photo.size)
    labels = rows[:, 5].astype(np.int64)
    true_boxes = np.array([b.box for b in sample.boxes]).reshape(-1, 4) * np.tile(photo.size, 2)
    true_labels = np.array([LABELS.index(b.label) for b in sample.boxes], dtype=np.int64)
    overlaps = iou_matrix(boxes, true_boxes)
    overlaps[labels[:, None] != true_labels[None]] = -1.0
    return Found(
        sample=sample,
        brightness=photo.brightness,
        scale=photo.fitted.scale,
        boxes=boxes,
        scores=rows[:, 4],
        labels=labels,
        partners=match(overlaps),
        true_boxes=true_boxes,
        true_labels=true_labels,
    )
