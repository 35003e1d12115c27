"""Boxes that were drawn after a source was published: a file of them lies beside its source file.

Each line is one photo, written like a line of `images.jsonl`, with boxes as in label files:

    {"image": "a.webp", "complete": ["street_stall"], "boxes": ["0 0.5 0.5 0.2 0.4"]}

Of the labels that a line names its boxes take the place of the source's, all other labels stay as
the source has them. `undecided`, optional, names labels that could not be told here: they are not
complete, whatever the source says. Nor is a label that only has a box.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cv.data.samples import LabelledBox, Sample, parse_box
from cv.errors import ModelError
from cv.labels import LABELS

__all__ = ["Annotation", "annotate", "read_annotations"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What was drawn in one photo.

    Attributes:
        complete: labels of which every instance in the photo is among the boxes.
        labels: all that it says something about: those, the undecided ones, and those of boxes.
    """

    image: str
    complete: frozenset[str]
    labels: frozenset[str]
    boxes: tuple[LabelledBox, ...]


def read_annotations(file: Path) -> dict[str, Annotation]:
    """Annotations by the name of their photo; none if there is no such file.

    Raises:
        ModelError: names the file and the line that cannot be used.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    read: dict[str, Annotation] = {}
    for number, line in enumerate(lines, start=1):
        try:
            annotation = _parse(line)
            if annotation.image in read:
                raise ValueError(f"{annotation.image} is annotated before")
        except ValueError as error:
            raise ModelError(f"{file}:{number}: {error}") from error
        read[annotation.image] = annotation
    return read


def annotate(sample: Sample, annotations: Mapping[str, Annotation]) -> Sample:
    """The sample with what was drawn in it; `annotations` are those of its source."""
    annotation = annotations.get(sample.image.name)
    if annotation is None:
        return sample
    kept = tuple(item for item in sample.boxes if item.label not in annotation.labels)
    return replace(
        sample,
        boxes=kept + annotation.boxes,
        complete=(sample.complete - annotation.labels) | annotation.complete,
        absent=sample.absent - annotation.labels,
    )


def _parse(line: str) -> Annotation:
    """ValueError says what is wrong."""
    try:
        row = json.loads(line)
        image, rows = str(row["image"]), list(row["boxes"])
        complete, undecided = frozenset(row["complete"]), frozenset(row.get("undecided", ()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError('expected {"image": ..., "complete": [...], "boxes": [...]}') from error
    named = complete | undecided
    unknown = sorted(str(label) for label in named - set(LABELS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(LABELS)}")
    if both := complete & undecided:
        raise ValueError(f"{min(both)} is both complete and undecided")
    boxes = tuple(parse_box(str(text)).in_unit() for text in rows)
    return Annotation(image, complete, named | {item.label for item in boxes}, boxes)
