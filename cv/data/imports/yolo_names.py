"""Classes of a YOLO export: `classes.txt`, `obj.names`, or `names:` of a data.yaml."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cv.data.imports.below import below
from cv.errors import ModelError

__all__ = ["NAME_FILES", "Classes", "classes_by_folder", "read_classes"]

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


@dataclass(frozen=True, slots=True)
class Classes:
    """What the numbers in label files mean.

    Attributes:
        names: class id → name.
        keypoints: numbers that follow each box, as `kpt_shape` of a pose data set says; 0 is none.
    """

    names: dict[int, str]
    keypoints: int = 0


def classes_by_folder(export: Path, folders: Collection[Path]) -> dict[Path, Classes]:
    """What classes are called in each folder of label files.

    LabelImg writes the names beside the labels, in each folder in its own order; others write them
    once, above all labels. So those that are nearest count, in the folder or above it. Names that
    lie aside of all labels (`cfg/data.yaml`) are for folders that have none.

    Raises:
        ModelError: a folder has none, or two files of one place say different things.
    """
    files: defaultdict[Path, list[Path]] = defaultdict(list)
    for name in NAME_FILES:
        for file in sorted(below(export, name)):
            files[file.parent].append(file)
    above = {folder: (folder, *folder.parents) for folder in folders}
    used = {place for places in above.values() for place in places}
    aside = [file for place in files if place not in used for file in files[place]]

    def classes_of(folder: Path) -> Classes:
        nearest = next((files[place] for place in above[folder] if place in files), aside)
        if not nearest:
            raise ModelError(
                f"{folder}: no class names there or above; expected one of {', '.join(NAME_FILES)}"
            )
        return _agreed(nearest)

    return {folder: classes_of(folder) for folder in folders}


def _agreed(files: Iterable[Path]) -> Classes:
    first, *others = files
    classes = read_classes(first)
    for file in others:
        other = read_classes(file)
        if other.names != classes.names:
            raise ModelError(f"{file}: names other classes than {first}; remove one of them")
        # A file of names alone says nothing about keypoints.
        classes = replace(classes, keypoints=classes.keypoints or other.keypoints)
    return classes


def read_classes(file: Path) -> Classes:
    """What a file says of the classes.

    Raises:
        ModelError: the file cannot be read, holds no names or a `kpt_shape` that is none.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    if file.suffix in (".yaml", ".yml"):
        return _from_yaml(text, file)
    names = {number: line.strip() for number, line in enumerate(text.rstrip().splitlines())}
    if not names:
        raise ModelError(f"{file}: no class names; expected a line per class")
    return Classes(names)


def _from_yaml(text: str, file: Path) -> Classes:
    try:
        # Safer than safe: text, lists and maps alone; `no` is no false.
        document = yaml.load(text, yaml.BaseLoader)  # noqa: S506
        names = _names(document["names"])
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        names = {}
    if not names:
        expected = "names: expected a list of names, or a map of numbers to names"
        raise ModelError(f"{file}: {expected}")
    try:
        return Classes(names, _keypoints(document.get("kpt_shape")))
    except (ValueError, TypeError) as error:
        expected = "kpt_shape: expected [number of keypoints, 2 or 3]"
        raise ModelError(f"{file}: {expected}") from error


def _names(names: Any) -> dict[int, str]:
    pairs = dict(names.items() if isinstance(names, dict) else enumerate(names))
    if isinstance(names, str) or not all(isinstance(name, str) for name in pairs.values()):
        return {}
    return {int(number): name for number, name in pairs.items()}


def _keypoints(shape: Any) -> int:
    """How many numbers they are; ValueError or TypeError if it is no such shape."""
    if shape in (None, "", "null", "~"):
        return 0
    points, numbers = (int(value) for value in shape)
    if points < 0 or numbers not in (2, 3):
        raise ValueError(shape)
    return points * numbers
