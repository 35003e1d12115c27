"""Which moments can be meant: of the years 1970 to 2100.

A clock that was never set tells others, and the ends of the calendar cannot be converted to UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["EARLIEST", "LATEST", "clamped", "is_plausible"]

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)


def is_plausible(moment: datetime) -> bool:
    """Whether what a clock said may be true, with or without a time zone."""
    return EARLIEST.year <= moment.year <= LATEST.year


def clamped(moment: datetime) -> datetime:
    """The same, or the nearest that can be meant: an end of a span that somebody asks for."""
    return min(max(moment, EARLIEST), LATEST)
