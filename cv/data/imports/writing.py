"""Writes a source folder from what a reader found, whole or not at all."""

from __future__ import annotations

import io
import json
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath

import cv2
from PIL import ExifTags
from PIL import Image as Pillow

from cv.data.imports.grouping import GroupBy, group_of
from cv.data.imports.imported import Imported, Size, enclosing
from cv.data.imports.mapping import LabelMap
from cv.data.new_folder import new_folder
from cv.data.samples import LabelledBox, yolo_row
from cv.detect.photo import decode_photo
from cv.errors import ImageError, ModelError
from cv.geometry import UNIT, Image
from cv.labels import LABELS

__all__ = ["Taken", "write_source"]

_TURNED = range(2, 9)
"""EXIF orientations other than upright."""
_QUALITY = {
    "image/jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    "image/webp": [cv2.IMWRITE_WEBP_QUALITY, 95],
}
"""OpenCV prints a warning about settings of another format."""
_ASPECT_TOLERANCE = 0.02
"""A photo that was scaled down is off by a rounded pixel, one that was turned by far more."""


@dataclass(slots=True)
class Taken:
    """What was taken and what was left out.

    Attributes:
        photos: taken; `empty` of them have no boxes.
        unlabelled: photos that the export says nothing about, left out.
        groups: number of groups.
        upright: photos that were turned upright, and so encoded anew.
        boxes: per (class name, label); label "" is left out by the user's wish.
        clipped: boxes that reached over the edge and were cut there.
        outside: boxes of which less than a pixel is in the photo, left out.
        others: shapes that are no boxes, left out.
        incomplete: per label, photos in which not all of it is boxed, for something of it is left
            out.
    """

    photos: int = 0
    empty: int = 0
    unlabelled: int = 0
    groups: int = 0
    upright: int = 0
    boxes: Counter[tuple[str, str]] = field(default_factory=Counter)
    clipped: int = 0
    outside: int = 0
    others: int = 0
    incomplete: Counter[str] = field(default_factory=Counter)


def write_source(
    found: Collection[Imported],
    to: Path,
    *,
    labels: LabelMap,
    complete: frozenset[str],
    group_by: GroupBy,
) -> Taken:
    """Write photos, label files and the listing.

    Raises:
        UserError: `to` exists or cannot be written.
        ModelError: a photo cannot be used; names it. Or nothing is left of all boxes.
    """
    taken = Taken()
    labelled = [item for item in found if item.labelled]
    taken.unlabelled = len([item for item in found if not item.labelled])
    _check_once(labelled)
    if not labelled:
        raise ModelError(f"{to}: not written, for no photo has labels")
    with new_folder(to) as part:
        (part / "images").mkdir()
        (part / "labels").mkdir()
        names = _file_names([item.name for item in labelled])
        rows = []
        for item, name in zip(labelled, names, strict=True):
            size = _write_photo(item, part / "images" / name, taken)
            boxes, outside = _boxes(item, size, labels, taken)
            taken.empty += not boxes
            lost = (outside | _of_others(item, labels)) & complete
            taken.incomplete.update(lost)
            text = "".join(map(yolo_row, boxes))
            (part / "labels" / f"{Path(name).stem}.txt").write_text(text, encoding="utf-8")
            rows.append(
                {
                    "image": name,
                    "group": group_of(item.name, group_by),
                    "complete": sorted(complete - lost, key=LABELS.index),
                    "original": item.name,
                }
            )
        if taken.outside and not any(label for _, label in taken.boxes):
            raise ModelError(
                f"{to}: not written, for of {taken.outside} boxes none has a pixel of its photo; "
                "COCO, VOC and CVAT count pixels, YOLO shares of the photo, Label Studio percent"
            )
        taken.groups = len({row["group"] for row in rows})
        # Written last: without it the folder is no source, whatever happens.
        listing = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (part / "images.jsonl").write_text(listing, encoding="utf-8")
    return taken


def _check_once(found: Sequence[Imported]) -> None:
    seen: dict[Path, str] = {}
    for item in found:
        if item.photo in seen:
            raise ModelError(f"{item.where}: {item.photo} has labels in {seen[item.photo]} too")
        seen[item.photo] = item.where


def _file_names(names: Sequence[str]) -> list[str]:
    """File names that differ even without suffix and case, as label files need it."""
    used: set[str] = set()
    chosen = []
    for path in map(PurePosixPath, names):
        stem = next(stem for stem in _stems(path) if stem.casefold() not in used)
        used.add(stem.casefold())
        chosen.append(stem + path.suffix)
    return chosen


def _stems(path: PurePosixPath) -> Iterator[str]:
    yield path.stem
    joined = "__".join((*path.parent.parts, path.stem))
    yield joined
    for number in count(2):
        yield f"{joined}_{number}"


def _write_photo(item: Imported, file: Path, taken: Taken) -> Size:
    """Its width and height, upright, in pixels."""
    try:
        data = item.photo.read_bytes()
        photo = decode_photo(data)
    except OSError as error:
        raise ModelError(f"{item.photo}: {error.strerror}") from error
    except ImageError as error:
        raise ModelError(f"{item.photo}: {error}") from error
    if photo.mime == "image/heic":
        raise ModelError(f"{item.photo}: HEIC; convert it to JPEG, upright as it was labelled")
    if _is_turned(data):
        file.write_bytes(_encoded(photo.image, photo.mime))
        taken.upright += 1
    else:
        file.write_bytes(data)
    height, width = photo.image.shape[:2]
    taken.photos += 1
    taken.others += len(item.others)
    return width, height


def _of_others(item: Imported, labels: LabelMap) -> frozenset[str]:
    """Labels of shapes that are no boxes; one without a class may be of any label."""
    if None in item.others:
        return frozenset(LABELS)
    found = {labels.label(name) for name in item.others if name is not None}
    return frozenset(label for label in found if label is not None)


def _is_turned(data: bytes) -> bool:
    """Whether EXIF says that the stored picture is not upright. The header was checked before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, on odd EXIF
        with Pillow.open(io.BytesIO(data)) as header:
            return header.getexif().get(ExifTags.Base.Orientation, 1) in _TURNED


def _encoded(image: Image, mime: str) -> bytes:
    suffix = "." + mime.removeprefix("image/")
    return cv2.imencode(suffix, image, _QUALITY.get(mime, []))[1].tobytes()


def _boxes(
    item: Imported, size: Size, labels: LabelMap, taken: Taken
) -> tuple[list[LabelledBox], frozenset[str]]:
    """The boxes to keep, clipped, in 0..1, and the labels of which one has no pixel there."""
    unit = _unit(item, size)
    kept: list[LabelledBox] = []
    outside: set[str] = set()
    for named in item.boxes:
        label = labels.label(named.name)
        if label is None:
            taken.boxes[named.name, ""] += 1
            continue
        x1, y1, x2, y2 = named.box.resized(unit, UNIT)
        whole = enclosing(((x1, y1), (x2, y2)))  # some tools keep the corner that was drawn first
        box = whole.in_unit()
        if box.width * size[0] < 1 or box.height * size[1] < 1:
            taken.outside += 1
            outside.add(label)
            continue
        taken.boxes[named.name, label] += 1
        # Rounding in the export is no reason to report anything.
        taken.clipped += max(abs(a - b) for a, b in zip(box, whole, strict=True)) > 1e-3
        kept.append(LabelledBox(label, box))
    return kept, frozenset(outside)


def _unit(item: Imported, size: Size) -> Size:
    """What to divide coordinates by to get 0..1."""
    if item.size is None or item.size == UNIT:
        return item.size or size
    stated, own = item.size[0] / item.size[1], size[0] / size[1]
    if abs(stated / own - 1) > _ASPECT_TOLERANCE:
        raise ModelError(
            f"{item.where}: says {item.size[0]:g}x{item.size[1]:g}, but {item.photo} is "
            f"{size[0]:g}x{size[1]:g} upright; export again for the photo as it is"
        )
    return item.size
