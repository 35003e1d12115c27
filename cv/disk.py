"""How much room is left where pictures and cases lie.

Pictures give way before cases are lost: first there are fewer and smaller ones, then none.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from time import monotonic

from cv.errors import UserError

__all__ = ["DiskLimits", "DiskSpace", "Room", "parse_size", "size_text"]

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>MB|GB|TB)", re.ASCII)
_FRESH_S = 2.0
_BACK = 1.1
"""It is better again from so many times the limit on: not at each file that is deleted."""
_SAYS = {
    1: "evidence is thinned: no first frames, no updated scenes, smaller pictures",
    2: "no more pictures are written; cases are recorded without",
}
logger = logging.getLogger(__name__)


class Room(IntEnum):
    """What there is room for."""

    PLENTY = 0
    SCARCE = 1
    NONE = 2


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """Free bytes below which pictures give way; None is a share of the disk, at most a few GB."""

    thin_below: int | None = None
    no_pictures_below: int | None = None

    def of(self, total: int) -> tuple[int, int]:
        """Both limits for a disk of this size; the first is never the smaller one."""
        none = self.no_pictures_below
        none = min(total // 40, 500 * 10**6) if none is None else none
        thin = min(total // 10, 2 * 10**9) if self.thin_below is None else self.thin_below
        return max(thin, none), none


class DiskSpace:
    """The room in a folder; usable from several threads, and cheap enough to ask at each look."""

    def __init__(
        self, folder: Path, limits: DiskLimits, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._room = Room.PLENTY
        self._free = 0
        self._asked: float | None = None

    @property
    def room(self) -> Room:
        """As of a moment ago. A change is said in the log, once."""
        self._refresh()
        return self._room

    @property
    def has_room(self) -> bool:
        """Whether pictures are written, as of a moment ago."""
        return self.room is not Room.NONE

    @property
    def free(self) -> int:
        """Bytes, as of a moment ago."""
        self._refresh()
        return self._free

    def _refresh(self) -> None:
        with self._lock:
            now = self._clock()
            if self._asked is None or now - self._asked >= _FRESH_S:
                self._asked = now
                self._measure()

    def _measure(self) -> None:
        try:
            folder = next(f for f in (self._folder, *self._folder.parents) if f.exists())
            usage = shutil.disk_usage(folder)
        except OSError:
            return  # a share that is away: what is written there fails, and says so
        self._free = usage.free
        before, self._room = self._room, self._judged(usage.total)
        if self._room > before:
            logger.error(
                "ALARM: %s free in %s: %s", size_text(self._free), folder, _SAYS[self._room]
            )
        elif self._room < before:
            said = _SAYS.get(self._room, "pictures are written as ever")
            logger.warning("%s free again in %s: %s", size_text(self._free), folder, said)

    def _judged(self, total: int) -> Room:
        thin, none = self._limits.of(total)
        levels = ((Room.NONE, none), (Room.SCARCE, thin))
        for room, limit in levels:
            if self._free < limit * (_BACK if self._room >= room else 1):
                return room
        return Room.PLENTY


def parse_size(value: object) -> int:
    """Bytes in a text such as `500MB` or `1.5GB`.

    Raises:
        UserError: anything else.
    """
    match = _SIZE.fullmatch(value.strip().upper()) if isinstance(value, str) else None
    if match is None:
        raise UserError(f"{str(value)[:40]!r} is no size; write 500MB, 2GB or 1.5TB")
    return round(float(match["number"]) * _UNITS[match["unit"]])


def size_text(size: int) -> str:
    """As people read it: 12.3 GB."""
    unit = next((u for u in ("TB", "GB") if size >= _UNITS[u]), "MB")
    return f"{size / _UNITS[unit]:.1f} {unit}"
