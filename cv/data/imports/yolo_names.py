"""Class names of a YOLO export: `classes.txt`, `obj.names`, or `names:` of a data.yaml."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

import yaml

from cv.errors import ModelError

__all__ = ["NAME_FILES", "names_by_folder", "read_names"]

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


Names = dict[int, str]
"""Class id → name."""


def names_by_folder(export: Path, folders: Collection[Path]) -> dict[Path, Names]:
    """What classes are called in each folder of label files.

    LabelImg writes the names beside the labels, in each folder in its own order; others write them
    once, above all labels. So those that are nearest count, in the folder or above it. Names that
    lie aside of all labels (`cfg/data.yaml`) are for folders that have none.

    Raises:
        ModelError: a folder has none, or two files of one place say different things.
    """
    files: defaultdict[Path, list[Path]] = defaultdict(list)
    for name in NAME_FILES:
        for file in sorted(export.rglob(name)):
            files[file.parent].append(file)
    above = {folder: (folder, *folder.parents) for folder in folders}
    used = {place for places in above.values() for place in places}
    aside = [file for place in files if place not in used for file in files[place]]

    def names_of(folder: Path) -> Names:
        nearest = next((files[place] for place in above[folder] if place in files), aside)
        if not nearest:
            raise ModelError(
                f"{folder}: no class names there or above; expected one of {', '.join(NAME_FILES)}"
            )
        return _agreed(nearest)

    return {folder: names_of(folder) for folder in folders}


def _agreed(files: Iterable[Path]) -> Names:
    first, *others = files
    names = read_names(first)
    for file in others:
        if read_names(file) != names:
            raise ModelError(f"{file}: names other classes than {first}; remove one of them")
    return names


def read_names(file: Path) -> Names:
    """Class id → name.

    Raises:
        ModelError: the file cannot be read or holds no names.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    if file.suffix not in (".yaml", ".yml"):
        names = {number: line.strip() for number, line in enumerate(text.rstrip().splitlines())}
        expected = "no class names; expected a line per class"
    else:
        names = _from_yaml(text)
        expected = "names: expected a list of names, or a map of numbers to names"
    if not names:
        raise ModelError(f"{file}: {expected}")
    return names


def _from_yaml(text: str) -> Names:
    try:
        # Safer than safe: text, lists and maps alone; `no` is no false.
        names = yaml.load(text, yaml.BaseLoader)["names"]  # noqa: S506
        pairs = dict(names.items() if isinstance(names, dict) else enumerate(names))
        if isinstance(names, str) or not all(isinstance(name, str) for name in pairs.values()):
            return {}
        return {int(number): name for number, name in pairs.items()}
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        return {}
