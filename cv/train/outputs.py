"""Where results go: asked before the work, written whole, and never onto what they are made of."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from cv.errors import ModelError
from cv.whole_file import write_whole

__all__ = ["check_folder", "check_output", "write_output"]


def check_output(out: Path, suffix: str, *inputs: Path) -> None:
    """Whether a result may be written; its folder is made.

    Asked before the work: it may take hours, and its result must not be lost or destroy anything.

    Args:
        suffix: with its dot, as the name must end.
        inputs: files that the result is made of; they need not exist.

    Raises:
        ModelError: the name ends otherwise, is an input's or no file's, or cannot be written.
    """
    try:
        if out.exists() and not out.is_file():
            raise ModelError(f"{out}: is no file; name a file that ends in {suffix}")
        if any(out.exists() and file.exists() and out.samefile(file) for file in inputs):
            raise ModelError(f"{out}: is what it would be made of; name another file")
    except OSError as error:
        raise ModelError(f"{out}: cannot be written: {error.strerror}") from error
    if out.suffix.lower() != suffix:
        raise ModelError(f"{out}: name a file that ends in {suffix}")
    check_folder(out.parent)


def check_folder(folder: Path) -> None:
    """Whether files can be written into a folder, which is made.

    Raises:
        ModelError: the folder cannot be made, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror}") from error


def write_output(file: Path, content: bytes) -> None:
    """As `write_whole`, with an error that a user can read.

    Raises:
        ModelError: it cannot be written; what was there before stays.
    """
    try:
        write_whole(file, content)
    except OSError as error:
        raise ModelError(f"{file}: cannot be written: {error.strerror}") from error
