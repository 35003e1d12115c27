"""Unmasked pictures that were stored while the clock was ahead: their deadline would be, too.

When they were stored nobody knows any more, so they count as stored when that is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

__all__ = ["date_anew"]

_ASKEW = timedelta(hours=1)
"""The clock of a share's server may be ahead by less."""


def date_anew(files: Iterable[Path], now: datetime) -> None:
    """Let what is stored in the future be stored now.

    Args:
        now: wall time, aware.
    """
    for path in files:
        # What has gone meanwhile, or is somebody else's, stays as it is.
        with suppress(OSError):
            if path.stat().st_mtime > (now + _ASKEW).timestamp():
                os.utime(path, (now.timestamp(),) * 2)
