"""A file that is there whole or not at all, also if its writer is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["sync_folder", "whole_file", "write_whole"]


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A file beside this one, to be written; it takes its place if all goes well, or disappears.

    Its suffix is the same, by which some writers know what to write.

    Raises:
        OSError: it cannot take the place; what was there before stays.
    """
    part = file.with_name(f".{file.stem}.{os.getpid()}.part{file.suffix}")
    try:
        yield part
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink()


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, or replace one; its folder is there.

    A power cut may still lose it: what must not be lost goes by `write_durably`.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    with whole_file(file) as part:
        part.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk; a file's own fsync does not.

    Some network shares cannot be asked for that.

    Raises:
        OSError: the disk refuses it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
