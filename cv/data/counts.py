"""How many photos and boxes there are, of which label, how large, from which source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cv.data.samples import Sample
from cv.data.suspicious import pixel_box
from cv.labels import LABELS

__all__ = ["LabelCount", "SourceCount", "count_labels", "count_sources"]

_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class LabelCount:
    """One label in all sources.

    Attributes:
        boxes, held_out: all boxes, and those in held-out photos.
        photos: with such a box.
        share: of all boxes, 0..1.
        sizes: 10 %, 50 % and 90 % quantiles of sqrt(area), in pixels of the 640 px input.
    """

    label: str
    boxes: int
    held_out: int
    photos: int
    share: float
    sizes: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class SourceCount:
    """One source.

    Attributes:
        held_out: photos that are held out.
        without_boxes: photos in which nothing is boxed.
        boxes: per label.
        complete: photos in which a label is boxed exhaustively, per label.
    """

    source: str
    photos: int
    held_out: int
    groups: int
    without_boxes: int
    boxes: dict[str, int]
    complete: dict[str, int]


def count_labels(
    samples: Sequence[Sample], held: Sequence[Sample], sizes: dict[Path, tuple[int, int]]
) -> Iterator[LabelCount]:
    """What the data set holds of each label, in the order of `LABELS`.

    Args:
        sizes: width, height of every photo in pixels.
    """
    held_boxes = Counter(item.label for sample in held for item in sample.boxes)
    photos = Counter(label for s in samples for label in {item.label for item in s.boxes})
    sides: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        for item in sample.boxes:
            area = pixel_box(item.box, sizes[sample.image]).area
            sides[item.label].append(area**0.5)
    total = sum(map(len, sides.values()))
    for label in LABELS:
        boxes = len(sides[label])
        low, middle, high = np.quantile(sides[label], _QUANTILES) if boxes else (0.0, 0.0, 0.0)
        yield LabelCount(
            label,
            boxes,
            held_boxes[label],
            photos[label],
            boxes / total if total else 0.0,
            (round(float(low), 1), round(float(middle), 1), round(float(high), 1))
            if boxes
            else None,
        )


def count_sources(samples: Sequence[Sample], held: Sequence[Sample]) -> Iterator[SourceCount]:
    """One row per source that has photos."""
    held_photos = Counter(sample.source for sample in held)
    by_source: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_source[sample.source].append(sample)
    for source, own in by_source.items():
        boxes = Counter(item.label for sample in own for item in sample.boxes)
        complete = Counter(label for sample in own for label in sample.complete)
        yield SourceCount(
            source,
            len(own),
            held_photos[source],
            len({sample.group for sample in own}),
            sum(not sample.boxes for sample in own),
            {label: boxes[label] for label in LABELS if boxes[label]},
            {label: complete[label] for label in LABELS if complete[label]},
        )
