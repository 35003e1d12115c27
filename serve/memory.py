"""Memory that pictures took goes back to the system when they are done."""

from __future__ import annotations

import ctypes

__all__ = ["return_large_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's mallopt(3)."""
_LARGE = 8 * 1024 * 1024


def return_large_memory() -> None:
    """Give each allocation of 8 MiB or more pages of its own, as long as the process lives.

    By itself glibc raises that bound up to 32 MiB once such memory was freed, and from then on
    keeps what decoded pictures took. Also returns what loading the model has left. Does nothing
    with another C library.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "malloc_trim"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _LARGE)
        library.malloc_trim(0)
