"""Scores a detector on held-out photos, each label only where it is boxed exhaustively."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cv.data.samples import Sample, read_image
from cv.detect.letterbox import Letterbox, letterbox
from cv.geometry import Image
from cv.labels import LABELS
from cv.train.average_precision import IOUS, average_precision, match

__all__ = ["Floats", "LabelScore", "Photo", "Predict", "Scorer", "Scores", "load_photo", "score"]

Floats = npt.NDArray[np.float32]

Predict = Callable[[Image], Floats]
"""uint8 [H, W, 3] BGR -> float32 [N, 6]: x1, y1, x2, y2 in input pixels, score, label id."""

_LOWEST = 0.001
"""Detections below do not enter the precision-recall curve (ultralytics' and COCO's habit)."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label is found.

    Attributes:
        images: photos in which the label is complete.
        boxes: true boxes in them.
        ap50, ap: average precision at IoU 0.5, and averaged over 0.5-0.95; nan without boxes.
        scores, right: every detection in them, and whether it is right at IoU 0.5.
    """

    label: str
    images: int
    boxes: int
    ap50: float
    ap: float
    scores: Floats
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """All labels; the means are over labels that have true boxes."""

    labels: tuple[LabelScore, ...]
    ap50: float
    ap: float


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo letterboxed into a network's input; `size` is its own (width, height)."""

    fitted: Letterbox
    size: tuple[int, int]


def load_photo(sample: Sample, shape: tuple[int, int]) -> Photo:
    """Read a sample's photo and fit it into (height, width)."""
    image = read_image(sample.image)
    return Photo(letterbox(image, shape), (image.shape[1], image.shape[0]))


class Scorer:
    """Collects detections photo by photo."""

    def __init__(self) -> None:
        self._found: list[list[Floats]] = [[] for _ in LABELS]
        self._right: list[list[npt.NDArray[np.bool_]]] = [[] for _ in LABELS]
        self._boxes = [0] * len(LABELS)

    def add(self, sample: Sample, photo: Photo, rows: Floats) -> None:
        """Count one photo's detections against its true boxes.

        Args:
            photo: the same photo as the network saw it.
            rows: [N, 6] as a `Predict` gives them.
        """
        rows = rows[rows[:, 4] >= _LOWEST]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        boxes = photo.fitted.to_source(rows[:, :4], *photo.size)
        for number, label in enumerate(LABELS):
            if label not in sample.complete:
                continue
            mine = rows[:, 5] == number
            true = np.array([b.box for b in sample.boxes if b.label == label]).reshape(-1, 4)
            self._found[number].append(rows[mine, 4])
            self._right[number].append(match(boxes[mine], true * np.tile(photo.size, 2)))
            self._boxes[number] += len(true)

    def result(self) -> Scores:
        """The scores of all photos added so far."""
        labels = tuple(
            _label_score(label, self._boxes[n], self._found[n], self._right[n])
            for n, label in enumerate(LABELS)
        )
        seen = [row for row in labels if row.boxes]
        if not seen:
            return Scores(labels, float("nan"), float("nan"))
        return Scores(
            labels,
            float(np.mean([row.ap50 for row in seen])),
            float(np.mean([row.ap for row in seen])),
        )


def score(samples: Sequence[Sample], predict: Predict, shape: tuple[int, int]) -> Scores:
    """Run a detector on photos and score it.

    Args:
        shape: (height, width) of the input that photos are letterboxed into.
    """
    scorer = Scorer()
    for sample in samples:
        photo = load_photo(sample, shape)
        scorer.add(sample, photo, predict(photo.fitted.image))
    return scorer.result()


def _label_score(
    label: str, boxes: int, found: Sequence[Floats], right: Sequence[npt.NDArray[np.bool_]]
) -> LabelScore:
    scores = np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
    hits = np.concatenate(right) if right else np.zeros((0, len(IOUS)), dtype=np.bool_)
    aps = [average_precision(scores, hits[:, n], boxes) for n in range(len(IOUS))]
    return LabelScore(label, len(found), boxes, aps[0], float(np.mean(aps)), scores, hits[:, 0])
