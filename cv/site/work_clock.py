"""When a limit is over, on a clock that may stop at night, on weekends and on holidays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cv.site.limits import Limit
from cv.site.schedule import Schedule
from cv.site.workdays import Workdays

__all__ = ["WORK_HOURS", "WorkClock"]

WORK_HOURS = Schedule.parse(("08:00-12:00", "14:00-18:00"))


@dataclass(frozen=True, slots=True)
class WorkClock:
    """The city's working time.

    Attributes:
        days: on which it runs.
        hours: of each of them; by the site's clock, none over midnight, none overlapping, ordered.
    """

    days: Workdays = field(default_factory=Workdays)
    hours: Schedule = WORK_HOURS

    def due(self, start: datetime, limit: Limit, zone: tzinfo) -> datetime:
        """When the limit is over that began at `start`, on the clock of `zone`.

        An `urgent_hour` is any hour and a `natural_day` any 24 of them. `work_hour` and `work_day`
        run in working time only, a day being as long as its working hours together: what is filed
        at ten and has one work_day is due at ten of the next working day.

        Args:
            start: aware.
        """
        # Python adds hours to the time that a clock there shows, which skips or repeats one a year.
        start = start.astimezone(UTC)
        if limit.kind == "urgent_hour":
            end = start + timedelta(hours=limit.value)
        elif limit.kind == "natural_day":
            end = start + timedelta(days=limit.value)
        else:
            hour = timedelta(hours=1) if limit.kind == "work_hour" else self._day()
            end = self._worked(start, limit.value * hour, zone)
        return end.astimezone(zone)

    def _day(self) -> timedelta:
        """How long a working day is."""
        seconds = sum(window.end_s - window.start_s for window in self.hours.windows)
        return timedelta(seconds=seconds)

    def _worked(self, start: datetime, left: timedelta, zone: tzinfo) -> datetime:
        """When so much working time has passed."""
        for begin, end in self._stretches(start.astimezone(zone).date(), zone):
            from_here = max(begin, start)
            if end - from_here >= left:
                return from_here + left
            left -= max(end - from_here, timedelta(0))
        raise AssertionError("working time does not end")

    def _stretches(self, day: date, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        """Working time from a day on, in UTC."""
        while True:
            if self.days.works(day):
                for window in self.hours.windows:
                    yield _moment(day, window.start_s, zone), _moment(day, window.end_s, zone)
            day += timedelta(days=1)


def _moment(day: date, second: int, zone: tzinfo) -> datetime:
    """When a clock there shows so many seconds after midnight; 24:00 is the next day's midnight."""
    shown = datetime.combine(day, time()) + timedelta(seconds=second)
    return shown.replace(tzinfo=zone).astimezone(UTC)
