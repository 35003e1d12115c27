"""A folder that appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cv.errors import UserError

__all__ = ["new_folder"]


@contextmanager
def new_folder(to: Path, *, instead: bool = False) -> Iterator[Path]:
    """A folder beside `to` that becomes `to` if all goes well, and else disappears.

    Args:
        instead: of one that is there, which is deleted then.

    Raises:
        UserError: `to` exists or cannot be written.
    """
    if to.exists() and not instead:
        raise UserError(f"{to} exists; name a new folder")
    part = to.with_name(f".{to.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        if to.exists():
            shutil.rmtree(to)
        part.rename(to)
    except OSError as error:
        raise UserError(f"{to}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
