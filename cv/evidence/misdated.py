"""Unmasked pictures that were stored while the clock was wrong: their deadline would be, too.

Ahead of time, they would outlive it by as much; by a clock that was not set yet, as a box without
a battery has it until the network is there, they would be gone at once. When they were stored
nobody knows any more, so they count as stored when that is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["date_anew"]

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""There was no kerbwatch before."""
_ASKEW = timedelta(hours=1)
"""The clock of a share's server may be ahead by less."""


def date_anew(files: Iterable[Path], now: datetime) -> None:
    """Let what is stored in the future, or before there was anything to store, be stored now.

    Args:
        now: wall time, aware.
    """
    if now < _FIRST:
        return  # it is this clock that is not set
    for path in files:
        # What has gone meanwhile, or is somebody else's, stays as it is.
        with suppress(OSError):
            if not _FIRST.timestamp() <= path.stat().st_mtime <= (now + _ASKEW).timestamp():
                os.utime(path, (now.timestamp(),) * 2)
