"""A disk without room, as `kerbwatch detect --json` tells of it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from cv.disk import DiskSpace, Room

__all__ = ["DiskFault"]


class DiskFault:
    """Tells each change once.

    Args:
        zone_time: of the moments told.
    """

    def __init__(self, space: DiskSpace, zone_time: tzinfo) -> None:
        self._space = space
        self._tz = zone_time
        self._told = Room.PLENTY

    def news(self) -> dict[str, Any] | None:
        """An object beside those of camera faults, if there is less room, or more again."""
        room = self._space.room
        if room is self._told:
            return None
        self._told = room
        return {
            "fault": "disk_low",
            "state": "open" if room else "cleared",
            "pictures": ("all", "thinned", "none")[room],
            "free_bytes": self._space.free,
            "time": datetime.now(UTC).astimezone(self._tz).isoformat(timespec="milliseconds"),
        }
