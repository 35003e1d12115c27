"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cv.errors import UserError
from cv.file_lock import is_ours

__all__ = ["new_folder"]


@contextmanager
def new_folder(to: Path, *, instead: bool = False) -> Iterator[Path]:
    """A folder beside `to` that becomes `to` if all goes well, and else disappears.

    Args:
        instead: of one that is there, which is deleted then.

    Raises:
        UserError: `to` exists, cannot be written, or another process writes it.
    """
    _check_absent(to, instead=instead)
    part = to.with_name(f".{to.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        with _alone(part, to):
            try:
                _clear(part)  # of a process that was killed
                yield part
                _check_absent(to, instead=instead)  # nobody's work of meanwhile is deleted
                if to.exists():
                    shutil.rmtree(to)
                part.rename(to)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{to}: cannot be written: {error.strerror or error}") from error


def _check_absent(to: Path, *, instead: bool) -> None:
    if to.exists() and not instead:
        raise UserError(f"{to} exists; name a new folder")


@contextmanager
def _alone(part: Path, to: Path) -> Iterator[None]:
    """Hold a folder, if its disk has locks; who is killed lets go of it."""
    handle = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Until it was held another process may have made `to` of it.
        if not (is_ours(handle) and os.path.samestat(os.fstat(handle), part.stat())):
            raise UserError(f"{to}: another process is writing it")
        yield
    finally:
        os.close(handle)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
