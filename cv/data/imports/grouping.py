"""Groups of photos that belong together: a group trains or validates as a whole."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath

__all__ = ["GroupBy", "group_of"]

_AUGMENTED = re.compile(
    r"(?:(?:_(?:jpe?g|png|webp|bmp|tiff?|gif|heic|avif))*\.rf\.[0-9a-z]{8,})+$", re.IGNORECASE
)
"""Roboflow's mark of an augmented copy, `gate_01_jpg.rf.0a1b2c3d`: its copies are one photo."""
_UPLOADED = re.compile(r"^(?!20\d{6}-)[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file; a date is the user's own."""
_PARTS = frozenset({"train", "valid", "val", "validation", "test", "images"})
"""Folders that are no place: `train/images/gate` is where `valid/images/gate` is.

In any case: CVAT calls them `Train`, `Validation` and `Test`.
"""
_NUMBER = re.compile(r"[\s_.()-]*\d+[\s_.()-]*$")


class GroupBy(StrEnum):
    """What makes a group."""

    FOLDER = "folder"
    FILE = "file"
    PREFIX = "prefix"


def group_of(name: str, by: GroupBy) -> str:
    """The group of a photo.

    Args:
        name: its path below the folder of photos, with slashes.
        by: its folder, itself, or its name without the number at the end (`gate_0012` → `gate`)
            and without what tools add.
    """
    path = PurePosixPath(name)
    folders = path.parent.parts
    if by is GroupBy.FOLDER:
        return path.parent.as_posix()
    stem = _AUGMENTED.sub("", path.stem)
    if by is GroupBy.PREFIX:
        folders = tuple(folder for folder in folders if folder.lower() not in _PARTS)
        stem = _UPLOADED.sub("", stem)
        # Of `gate/0012` the folder is all there is of a prefix.
        stem = _NUMBER.sub("", stem) or ("" if folders else stem)
    return "/".join((*folders, stem) if stem else folders)
