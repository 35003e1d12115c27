"""A file that is there whole or not at all, also if its writer is killed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, or replace one; its folder is there.

    A power cut may still lose it: what must not be lost goes by `write_durably`.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink()
