"""Originals of citizens' photos: unmasked, below <data>/originals, until their deadline."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

__all__ = ["keep_original", "purge_originals", "write_whole"]

_FOLDER = "originals/_photos"
"""No camera's id begins with an underscore."""
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}


def keep_original(data: Path, name: str, content: bytes, mime: str) -> str:
    """Write a picture as it came; gives its file, relative to the data folder.

    The one place where originals of photos are written.
    """
    file = f"{_FOLDER}/{name}.{_SUFFIXES.get(mime, 'bin')}"
    write_whole(data / file, content)
    return file


def purge_originals(data: Path, keep_s: float, now: datetime) -> int:
    """Delete originals past their deadline (`privacy.keep_originals`); gives how many."""
    deadline = now.timestamp() - keep_s
    files = (data / _FOLDER).glob("*")
    old = [file for file in files if file.stat().st_mtime < deadline]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def write_whole(path: Path, content: bytes) -> None:
    """All of the file or none of it, on the disk before the row that names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
