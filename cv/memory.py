"""Memory that pictures took goes back to the system when they are done."""

from __future__ import annotations

import ctypes

__all__ = ["return_memory", "spare_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of glibc's mallopt(3)."""
_SLACK = 4 * 2**20
"""Free memory that each arena keeps. With less, arrays of 200 kB that come and go with each look
give pages back and take them anew, at 3 % of a camera's processor time."""


def return_memory(at_least: int, *, arenas: int | None = None) -> None:
    """Give each allocation of so many bytes pages of its own, as long as the process lives.

    By itself glibc raises that bound up to 32 MiB once such memory was freed, and from then on
    keeps what decoded pictures took, in up to eight arenas a core. Also returns what loading the
    model has left. Does nothing with another C library.

    Args:
        arenas: that threads may share; None leaves it to glibc.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "malloc_trim"):
        library.mallopt(_M_MMAP_THRESHOLD, at_least)
        library.mallopt(_M_TRIM_THRESHOLD, _SLACK)
        if arenas is not None:
            library.mallopt(_M_ARENA_MAX, arenas)
        library.malloc_trim(0)


def spare_memory() -> None:
    """For a process that watches many cameras: pictures of all of them come and go in threads.

    A decoded picture's planes are of 0.5 to 2 MB at 1080p. With decoders that are closed in between
    (`KeyDecoder`) and no picture kept until the next one comes, a camera takes 6 MB. In two arenas
    threads would wait for each other, for 2 % of the processor time.
    """
    return_memory(256 * 1024, arenas=4)
