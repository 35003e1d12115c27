"""Which moments can be meant: of the years 1970 to 2100, and of what was seen, not of the future.

A clock that was never set tells others, and the ends of the calendar cannot be converted to UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["EARLIEST", "LATEST", "clamped", "is_plausible"]

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)


_AHEAD = timedelta(days=1)
"""A clock in a time zone that it does not tell is up to 14 hours ahead of UTC."""


def is_plausible(moment: datetime, now: datetime) -> bool:
    """Whether what a clock said of something seen may be true, with or without a time zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return EARLIEST <= aware <= now + _AHEAD


def clamped(moment: datetime) -> datetime:
    """The same, or the nearest that can be meant: an end of a span that somebody asks for."""
    return min(max(moment, EARLIEST), LATEST)
