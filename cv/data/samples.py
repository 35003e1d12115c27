"""The labelled photos: folders in, samples out.

A source folder holds `images/`, `labels/*.txt` (YOLO: label id, centre x, centre y, width, height,
0..1) and `images.jsonl`: per image the labels that are boxed exhaustively ("complete") and the
group to split by (neighbouring frames, the same place).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from cv.errors import ModelError
from cv.geometry import Box, Image
from cv.labels import LABELS

__all__ = [
    "PARTS",
    "LabelledBox",
    "Sample",
    "default_data",
    "default_weights",
    "parse_box",
    "parse_row",
    "read_image",
    "yolo_row",
]

PARTS = ("train", "held_out")
"""What `kerbwatch data build` makes of a photo."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A true box; x1, y1, x2, y2 in 0..1 of the image."""

    label: str
    box: Box

    def in_unit(self) -> LabelledBox:
        """The part of it that lies in the image."""
        return LabelledBox(self.label, self.box.in_unit())


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled photo.

    Attributes:
        group: `source/group`, or `/group` of what is one place in several folders; all of it trains
            or all of it validates.
        complete: labels of which every instance in the photo is boxed.
        absent: labels hardly ever there though nobody checked: taught as absent, not scored.
        mistaken: what a reviewer rejected: no thing of that label is in that place.
        split: one of `PARTS` if `kerbwatch data build` has decided it.
        horizon: share of its height above which nothing stands on the ground; 1 if nothing is to
            be set onto it. None is not known.
    """

    image: Path
    source: str
    group: str
    complete: frozenset[str]
    boxes: tuple[LabelledBox, ...]
    absent: frozenset[str] = frozenset()
    mistaken: tuple[LabelledBox, ...] = ()
    split: str | None = None
    horizon: float | None = None


def default_data() -> Path:
    """KERBWATCH_MEDIA/data, else ../shared/data."""
    return Path(os.environ.get("KERBWATCH_MEDIA", "../shared")) / "data"


def default_weights(size: str) -> Path:
    """COCO's weights of a network of this size, n or s, beside the data."""
    return default_data().parent / "weights" / f"yolo26{size}-coco-fused.npz"


def read_image(path: Path) -> Image:
    """A photo as uint8 [height, width, 3] BGR.

    Raises:
        ModelError: it cannot be read, or is not an image.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except cv2.error:  # more pixels in its header than OpenCV takes
        image = None
    if image is None:
        raise ModelError(f"{path}: not an image that can be decoded")
    return image  # type: ignore[return-value]  # opencv's stubs name no element type


def parse_row(line: str, folder: Path) -> Sample:
    """A photo without its boxes; ValueError says what is wrong."""
    try:
        row = json.loads(line)
        name, group = row["image"], row["group"]
        complete, absent = frozenset(row["complete"]), frozenset(row.get("absent", ()))
        mistaken = [str(line) for line in row.get("mistaken", ())]
        part, horizon = row.get("split"), row.get("horizon")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError('expected {"image": ..., "group": ..., "complete": [...]}') from error
    unknown = sorted(str(label) for label in (complete | absent) - set(LABELS))
    if unknown:
        raise ValueError(f"complete: {unknown[0]!r} is none of {', '.join(LABELS)}")
    if horizon is not None and not (type(horizon) in (int, float) and 0 <= horizon <= 1):
        raise ValueError(f"horizon: {horizon!r} is not in 0..1")
    if not (isinstance(name, str) and _is_bare(name)):
        raise ValueError(f"image: {name!r} is not the name of a file in images/")
    if type(group) not in (str, int):
        raise ValueError(f"group: {group!r} is neither text nor a whole number")
    if part is not None and part not in PARTS:
        raise ValueError(f"split: {part!r} is none of {', '.join(PARTS)}")
    source = folder.name
    rejected = tuple(map(parse_box, mistaken))
    return Sample(
        folder / "images" / name,
        source,
        _group_of(source, str(group)),
        complete,
        (),
        absent,
        rejected,
        part,
        horizon,
    )


def _is_bare(name: str) -> bool:
    """Whether it names a file and no folder: label files are found by it."""
    return name not in ("", ".", "..") and PurePosixPath(name).name == name


def parse_box(line: str) -> LabelledBox:
    """A box as it stands in the file; ValueError says what training would not take."""
    try:
        number, *values = line.split()
        label = int(number)
        x, y, width, height = (float(value) for value in values)
    except ValueError as error:
        raise ValueError(f"expected `label x y width height`, not {line[:60]!r}") from error
    if not 0 <= label < len(LABELS):
        raise ValueError(f"label {label} is not in 0..{len(LABELS) - 1}")
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
        raise ValueError("x, y, width, height must be in 0..1, sizes above 0")
    return LabelledBox(
        LABELS[label], Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    )


def _group_of(source: str, group: str) -> str:
    """A group's full name: `source/group`, or as it is if it begins with a slash.

    That is how one camera is one place in however many folders its photos are.
    """
    return group if group.startswith("/") else f"{source}/{group}"


def yolo_row(item: LabelledBox, number: int | None = None) -> str:
    """A line of a label file; `number` stands for a label that is none of `LABELS`."""
    (x, y), width, height = item.box.centre, item.box.width, item.box.height
    label = LABELS.index(item.label) if number is None else number
    return f"{label} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"
