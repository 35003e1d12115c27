"""When a recording began."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

__all__ = ["StartSource", "find_start"]

_EARLIEST_YEAR = 2000  # clocks that were never set say 1904, 1970 or 1980
_TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date")
_IN_NAME = re.compile(
    r"(?<!\d)(20\d\d)[-_.年]?(0[1-9]|1[0-2])[-_.月]?(0[1-9]|[12]\d|3[01])日?"
    r"[T _-]{0,3}([01]\d|2[0-3])[-_.:：时]?([0-5]\d)[-_.:：分]?([0-5]\d)(?:\.?\d{3})?(Z)?(?!\d)"
)


class StartSource(StrEnum):
    """Where a recording's start time comes from."""

    GIVEN = "given"
    METADATA = "metadata"
    NAME = "name"
    MODIFIED = "modified"


def find_start(
    *,
    given: datetime | None,
    metadata: Mapping[str, str],
    name: str,
    ended: datetime,
    duration_s: float | None,
    tz: tzinfo,
    now: datetime,
) -> tuple[datetime, StartSource]:
    """When a recording began, in UTC, and how that is known.

    The first that there is of: the time given; the file's own metadata; a date and time in its
    name, like 20260314_153000 or 2026-03-14_15-30-00; the time when it was last written, less its
    length. Times before 2000 or after `now` are clocks that were not set, and passed over.

    Args:
        name: the file's name without folder.
        ended: when the file was last written.
        tz: of times without an offset.
    """
    if given is not None:
        return _utc(given, tz), StartSource.GIVEN
    tagged = (_parse(metadata[tag]) for tag in _TAGS if tag in metadata)
    candidates = [(time, StartSource.METADATA) for time in tagged if time]
    candidates += [(time, StartSource.NAME) for time in _in_name(name)]
    for time, source in candidates:
        # The year first: the ends of the calendar cannot be converted.
        if _EARLIEST_YEAR <= time.year <= now.year + 1 and _utc(time, tz) <= now:
            return _utc(time, tz), source
    return ended.astimezone(UTC) - timedelta(seconds=duration_s or 0), StartSource.MODIFIED


def _parse(text: str) -> datetime | None:
    """A tag's date and time; a date alone (as music files have) says too little."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if ":" in text else None


def _in_name(name: str) -> list[datetime]:
    times = []
    for match in _IN_NAME.finditer(name):
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        try:
            time = datetime(  # noqa: DTZ001  local, its zone is known to the caller
                year, month, day, hour, minute, second
            )
        except ValueError:  # 30 February: just digits
            continue
        times.append(time.replace(tzinfo=UTC) if match[7] else time)
    return times


def _utc(time: datetime, tz: tzinfo) -> datetime:
    return (time if time.tzinfo else time.replace(tzinfo=tz)).astimezone(UTC)
