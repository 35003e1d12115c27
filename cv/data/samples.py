"""The labelled photos: folders in, samples out.

A source folder holds `images/`, `labels/*.txt` (YOLO: label id, centre x, centre y, width, height,
0..1) and `images.jsonl`: per image the labels that are boxed exhaustively ("complete") and the
group to split by (neighbouring frames, the same place).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cv.errors import ModelError
from cv.geometry import Box, Image
from cv.labels import LABELS

__all__ = [
    "LabelledBox",
    "Sample",
    "default_data",
    "default_weights",
    "group_of",
    "read_image",
    "read_sources",
    "yolo_row",
]


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A true box; x1, y1, x2, y2 in 0..1 of the image."""

    label: str
    box: Box


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled photo.

    Attributes:
        group: as `group_of` names it; all of it trains or all of it validates.
        complete: labels of which every instance in the photo is boxed.
        absent: labels hardly ever there though nobody checked: taught as absent, not scored.
        split: "train" or "held_out" if `kerbwatch data build` has decided it.
    """

    image: Path
    source: str
    group: str
    complete: frozenset[str]
    boxes: tuple[LabelledBox, ...]
    absent: frozenset[str] = frozenset()
    split: str | None = None


def default_data() -> Path:
    """KERBWATCH_MEDIA/data, else ../shared/data."""
    return Path(os.environ.get("KERBWATCH_MEDIA", "../shared")) / "data"


def default_weights(size: str) -> Path:
    """COCO's weights of a network of this size, n or s, beside the data."""
    return default_data().parent / "weights" / f"yolo26{size}-coco-fused.npz"


def read_image(path: Path) -> Image:
    """A photo as uint8 [height, width, 3] BGR.

    Raises:
        ModelError: not an image.
    """
    content = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise ModelError(f"{path}: not an image that can be decoded")
    return image  # type: ignore[return-value]  # opencv's stubs name no element type


def read_sources(root: Path, *, only: Collection[str] | None = None) -> list[Sample]:
    """All photos of all sources below a folder, in a fixed order.

    Args:
        only: names of the sources to read; None is all.

    Raises:
        ModelError: names the file and line that cannot be used.
    """
    listings = sorted(
        file for file in root.glob("*/images.jsonl") if only is None or file.parent.name in only
    )
    if not listings:
        raise ModelError(f"{root}: no source there; expected <source>/images.jsonl")
    samples = [sample for listing in listings for sample in _read_source(listing)]
    return sorted(samples, key=lambda sample: (sample.source, sample.image.name))


def _read_source(listing: Path) -> Iterator[Sample]:
    folder = listing.parent
    for number, line in enumerate(_lines(listing), start=1):
        where = f"{listing}:{number}"
        try:
            row = json.loads(line)
            name, group, part = str(row["image"]), str(row["group"]), row.get("split")
            complete = frozenset(map(str, row["complete"]))
            absent = frozenset(map(str, row.get("absent", ())))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f'{where}: expected {{"image": ..., "group": ..., "complete": [...]}}'
            ) from error
        unknown = sorted((complete | absent) - set(LABELS))
        if unknown:
            raise ModelError(f"{where}: complete: {unknown[0]!r} is none of {', '.join(LABELS)}")
        image = folder / "images" / name
        if not os.path.isfile(image):  # noqa: PTH113  # False, too, where no file can have the name
            raise ModelError(f"{where}: {image} does not exist")
        boxes = tuple(_read_boxes(folder / "labels" / f"{image.stem}.txt"))
        group = group_of(folder.name, group)
        yield Sample(image, folder.name, group, complete, boxes, absent, part)


def group_of(source: str, group: str) -> str:
    """A group's full name: `source/group`, or as it is if it has a slash.

    That is how one camera is one place in however many folders its photos are.
    """
    return group if "/" in group else f"{source}/{group}"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error


def _read_boxes(file: Path) -> Iterator[LabelledBox]:
    if not file.exists():
        return  # a photo without boxes
    for number, line in enumerate(_lines(file), start=1):
        if line.strip():
            yield _parse_box(line, f"{file}:{number}")


def _parse_box(line: str, where: str) -> LabelledBox:
    try:
        label, x, y, width, height = line.split()
        number, centre_x, centre_y, w, h = (
            int(label),
            float(x),
            float(y),
            float(width),
            float(height),
        )
    except ValueError as error:
        raise ModelError(f"{where}: expected `label x y width height`, not {line!r}") from error
    if not 0 <= number < len(LABELS):
        raise ModelError(f"{where}: label {number} is not in 0..{len(LABELS) - 1}")
    if not (0 <= centre_x <= 1 and 0 <= centre_y <= 1 and 0 < w <= 1 and 0 < h <= 1):
        raise ModelError(f"{where}: x, y, width, height must be in 0..1, sizes above 0")
    return LabelledBox(
        LABELS[number],
        Box(
            max(0.0, centre_x - w / 2),
            max(0.0, centre_y - h / 2),
            min(1.0, centre_x + w / 2),
            min(1.0, centre_y + h / 2),
        ),
    )


def yolo_row(item: LabelledBox, number: int | None = None) -> str:
    """A line of a label file; `number` stands for a label that is none of `LABELS`."""
    (x, y), width, height = item.box.centre, item.box.width, item.box.height
    label = LABELS.index(item.label) if number is None else number
    return f"{label} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"
