"""Standard error, for a run that must not end because nobody can read it any more."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TextIO

__all__ = ["Aside"]


class Aside(io.TextIOBase):
    """Passes text on to another stream as long as that takes it.

    A terminal is closed, or the disk with the log is full: what is told on the way is lost then,
    what it is told of is not.
    """

    def __init__(self, to: TextIO) -> None:
        self._to = to

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed: an attribute
        return self._to.encoding

    def isatty(self) -> bool:
        return self._to.isatty()

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._to.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._to.flush()
