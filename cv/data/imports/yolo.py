"""YOLO: a text file per photo, `class x y width height` in 0..1, or a polygon's corners.

In a pose data set keypoints follow each box; they are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cv.data.imports.below import of_suffix
from cv.data.imports.imported import Imported, NamedBox, enclosing
from cv.data.imports.photos import Photos, shared_tail
from cv.data.imports.yolo_names import Classes, classes_by_folder, read_classes
from cv.errors import ModelError
from cv.geometry import UNIT, Box

__all__ = ["read"]

_FOLDERS = frozenset({"images", "labels", "obj_train_data"})
"""Folders that only tell photos from labels: `train/images/a.jpg` has `train/labels/a.txt`.

In any case: in Windows they may be `Images` and `labels`.
"""
_LISTS = frozenset(
    {"train", "val", "valid", "validation", "test", "classes", "labels", "predefined_classes"}
)
"""Text files of these names are lists, no labels, unless there is such a photo."""
_FARTHEST = 2.0
"""Coordinates beyond this are pixels by mistake."""

Key = tuple[str, ...]


def read(export: Path, images: Path) -> Iterator[Imported]:
    """The photos of a YOLO folder.

    A photo without a label file is yielded as not labelled: an empty label file, not a missing
    one, says that there is nothing in it.

    Raises:
        ModelError: names the file and line that cannot be used.
    """
    folder = export.parent if export.is_file() else export
    photos = Photos(images)
    labels = _label_files(folder, photos)
    folders = {file.parent for file in labels.values()}
    if export.is_file():
        classes = dict.fromkeys(folders, read_classes(export))
    else:
        classes = classes_by_folder(export, folders)
    for photo in photos.files:
        file = labels.get(photo)
        if file is None:
            yield Imported(photo, photos.name(photo), str(photo), labelled=False)
        else:
            boxes = tuple(_read_boxes(file, classes[file.parent]))
            yield Imported(photo, photos.name(photo), str(file), UNIT, boxes)


def _label_files(folder: Path, photos: Photos) -> dict[Path, Path]:
    """Photo → label file: by path below the two folders, else by a name that only one photo has.

    That one must not be in another folder: `gate1/a.jpg` has no labels in `gate2/a.txt`.
    """
    keys = {photo: _key(photo.relative_to(photos.folder)) for photo in photos.files}
    by_key: defaultdict[Key, list[Path]] = defaultdict(list)
    for photo, key in keys.items():
        by_key[key].append(photo)
    labels: dict[Path, Path] = {}
    for file in sorted(of_suffix(folder, ".txt")):
        key = _key(file.relative_to(folder))
        if key not in by_key and _is_list(file):
            continue
        fitting = by_key.get(key) or [
            photo for photo in photos.namesakes(file.stem) if _agree(keys[photo], key)
        ]
        if len(fitting) > 1:
            raise photos.unclear(fitting, file.stem, str(file))
        if not fitting:
            raise ModelError(f"{file}: no photo of that name below {photos.folder}")
        named = fitting[0]
        if named in labels:
            raise ModelError(f"{file}: {named} has labels in {labels[named]} too")
        labels[named] = file
    return labels


def _is_list(file: Path) -> bool:
    stem = file.stem.lower()
    return stem in _LISTS or stem.startswith("readme")


def _key(path: Path) -> Key:
    return (*(part for part in path.parent.parts if part.lower() not in _FOLDERS), path.stem)


def _agree(first: Key, second: Key) -> bool:
    return shared_tail(first, second) == min(len(first), len(second))


def _read_boxes(file: Path, classes: Classes) -> Iterator[NamedBox]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse(line, f"{file}:{number}", classes)


def _parse(line: str, where: str, classes: Classes) -> NamedBox:
    try:
        first, *rest = line.split()
        label, values = int(first), [float(value) for value in rest]
    except ValueError:
        raise ModelError(f"{where}: expected `class x y width height`, not {line[:60]!r}") from None
    if classes.keypoints and len(values) == 4 + classes.keypoints:
        values = values[:4]
    is_polygon = not classes.keypoints and len(values) >= 6 and len(values) % 2 == 0
    if len(values) != 4 and not is_polygon:
        raise ModelError(f"{where}: expected `class x y width height`, not {line[:60]!r}")
    if label not in (names := classes.names):
        raise ModelError(f"{where}: class {first[:20]} has no name; there are {len(names)}")
    if not all(abs(value) <= _FARTHEST for value in values):
        raise ModelError(f"{where}: coordinates must be in 0..1 of the photo, not pixels")
    if is_polygon:
        points = list(zip(values[::2], values[1::2], strict=True))
        return NamedBox(names[label], enclosing(points))
    x, y, width, height = values
    return NamedBox(names[label], Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
