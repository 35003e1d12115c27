"""`--since`: a moment as people write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cv.durations import parse_duration
from cv.errors import UserError
from cv.plausible_time import clamped
from cv.site import Site

__all__ = ["moment"]


def moment(text: str, site: Site) -> datetime:
    """An aware moment from a date, a time on the site's clock, or a span back from now.

    Raises:
        UserError: it is none of them.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
        except UserError:
            hint = "write 24h, 30m, 2026-03-14 or 2026-03-14T15:30"
            raise UserError(f"--since {text[:40]!r}: {hint}") from None
    return clamped(given if given.tzinfo else given.replace(tzinfo=site.tz))
