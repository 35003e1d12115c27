"""Deletion in time, beside what a process is there for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

from cv.background import in_background
from cv.cases.database import Database
from cv.durations import format_duration
from cv.errors import KerbwatchError
from cv.evidence.retention import AlreadyRunningError, Retention
from cv.site import Site

__all__ = ["DoubtingClock", "deleting_hourly"]

_EVERY_S = 3600.0
_JUMP_S = _DOUBT_S = 86400.0
logger = logging.getLogger(__name__)


class DoubtingClock:
    """The wall clock, but for a day after it has jumped ahead by more than a day.

    Somebody mistypes the year, a time server errs: by a deadline that such a clock tells, all
    evidence would be gone within the hour, and no clock that is set right brings it back. A process
    that begins while the clock is wrong cannot know.

    Args:
        wall: tells the time, aware.
        steady: tells seconds, by a clock that nobody sets.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._asked = wall(), steady()
        self._doubted_until = self._asked[1]

    def now(self) -> datetime | None:
        """The time; None while it is doubted. A jump is said in the log, once."""
        (wall, steady), self._asked = self._asked, (self._wall(), self._steady())
        now, moment = self._asked
        ahead_s = (now - wall).total_seconds() - (moment - steady)
        if ahead_s > _JUMP_S:
            self._doubted_until = moment + _DOUBT_S
            logger.error(
                "ALARM: the clock has jumped ahead by %s days, to %s: nothing is deleted for %s, "
                "in case it is wrong",
                round(ahead_s / 86400), f"{now:%Y-%m-%d %H:%M}Z", format_duration(_DOUBT_S),
            )  # fmt: skip
        elif ahead_s < -_JUMP_S:
            self._doubted_until = moment
        return now if moment >= self._doubted_until else None


@contextmanager
def deleting_hourly(
    site: Site, database: Database, clock: DoubtingClock | None = None
) -> Iterator[None]:
    """Delete what is due now and every hour, beside what the process is there for."""
    retention = Retention(site, database)
    clock = clock or DoubtingClock()

    def work(stop: threading.Event) -> None:
        while not stop.is_set():
            now = clock.now()
            if now is not None:
                _delete(retention, now, stop)
            stop.wait(_EVERY_S)

    with in_background(work, "retention"):
        yield


def _delete(retention: Retention, now: datetime, stop: threading.Event) -> None:
    try:
        sweep = retention.run(now, stop)
    except AlreadyRunningError:
        pass  # then it is being done
    except (KerbwatchError, OSError) as error:
        logger.error("nothing is deleted that should be: %s", error)
    except Exception:  # a bug of today must not keep originals for ever
        logger.exception("ALARM: nothing is deleted that should be")
    else:
        for failure in sweep.failed:
            logger.error("not deleted: %s", failure)
