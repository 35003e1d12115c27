"""Where an annotated copy is put: never in the place of a file that is no such copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from PIL.Image import Exif

from cv.detect.sources import Source
from cv.errors import SourceError
from cv.geometry import Image

__all__ = ["MARK", "Copied", "CopyFile", "write_photo"]

Copied = Callable[[Source], bool]
"""Whether the copy of a source is there."""

MARK = "annotated copy by kerbwatch"
"""What tells a copy from other files: a video's comment, a picture's EXIF software."""
_SOFTWARE = 0x0131  # EXIF 2.32, 4.6.4
_NEAR = 4096
"""Bytes from either end within which formats keep it."""


class CopyFile:
    """A place for a copy. It is written to `part` and moved there when whole, so what it replaces
    keeps its content under its other names (hard links).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        name = sha256(os.fsencode(path.name)).hexdigest()[:16]  # names may be too long to add to
        self.part = path.with_name(f".kerbwatch-{name}.{os.getpid()}.part{path.suffix}")

    def refuse_others(self) -> None:
        """Pass if nothing is there, or a copy that an earlier run put there.

        Raises:
            SourceError: something else is there, or nobody may read what it is.
        """
        path = self.path
        if not os.path.lexists(path):
            return
        try:
            ours = path.is_file() and not path.is_symlink() and _is_marked(path)
        except OSError as error:
            raise SourceError(f"--save-video: {path}: {error.strerror}") from error
        if not ours:
            raise SourceError(
                f"--save-video: {path} is there already and is no copy that kerbwatch made; "
                "move it away, or give another place"
            )

    def put(self) -> None:
        """Move what was written to `part` to its place.

        Raises:
            SourceError: by now something else is there, or the disk refuses.
        """
        try:
            self.refuse_others()
            self.part.replace(self.path)
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be written: {error.strerror}") from error
        finally:
            self.drop()

    def drop(self) -> None:
        """Leave no part behind."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)


def write_photo(path: Path, picture: Image) -> None:
    """Write a picture in the format of the file's suffix.

    Args:
        picture: uint8 [height, width, 3] BGR.

    Raises:
        SourceError: it cannot be written there.
    """
    exif = Exif()
    exif[_SOFTWARE] = MARK
    marks = [np.frombuffer(exif.tobytes(), np.uint8)]
    try:
        _, content = cv2.imencodeWithMetadata(
            path.suffix.lower(), picture, [cv2.IMAGE_METADATA_EXIF], marks
        )
    except cv2.error as error:
        raise SourceError(f"{path}: the format takes no such picture: {error.err}") from error
    file = CopyFile(path)
    try:
        file.part.write_bytes(content.tobytes())
    except OSError as error:
        file.drop()
        raise SourceError(f"{path}: cannot write a picture there: {error.strerror}") from error
    file.put()


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_NEAR)
        file.seek(max(0, os.fstat(file.fileno()).st_size - _NEAR))
        return MARK.encode() in head or MARK.encode() in file.read(_NEAR)
