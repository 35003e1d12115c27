"""Groups of photos that belong together: a group trains or validates as a whole."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath

__all__ = ["GroupBy", "group_of"]

_AUGMENTED = re.compile(r"\.rf\.[0-9a-f]{8,}$", re.IGNORECASE)
"""Roboflow's mark of an augmented copy: its copies are one photo."""
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
        by: its folder, itself, or its name without the number at the end (`gate_0012` → `gate`).
    """
    path = PurePosixPath(name)
    folder = path.parent.as_posix()
    if by is GroupBy.FOLDER:
        return folder
    stem = _AUGMENTED.sub("", path.stem)
    if by is GroupBy.PREFIX:
        stem = _NUMBER.sub("", stem) or stem
    return stem if folder == "." else f"{folder}/{stem}"
