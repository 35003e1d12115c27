"""When a rule applies: weekdays and hours on the site's clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import inf

from cv.errors import UserError

__all__ = ["ALWAYS", "Schedule", "Window"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVERY_DAY = tuple(range(7))
_DAY_S = 86400
_WEEK_S = 7 * _DAY_S
_ALLOWED = 'write "08:00-20:00", "Mon-Fri 18:00-02:00" or "Sat,Sun"'
_HOURS = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours that begin on some weekdays.

    Attributes:
        days: 0 is Monday, ascending; the days on which the hours begin.
        start_s, end_s: seconds of the clock since midnight, start in and end out; an end at or
            before the start is on the next day.
    """

    days: tuple[int, ...]
    start_s: int = 0
    end_s: int = _DAY_S

    def covers(self, weekday: int, second: int) -> bool:
        if self.end_s > self.start_s:
            return weekday in self.days and self.start_s <= second < self.end_s
        if second >= self.start_s:
            return weekday in self.days
        return second < self.end_s and (weekday - 1) % 7 in self.days

    def spans(self) -> Iterator[tuple[int, int]]:
        """Begin and end in seconds since Monday; what goes over Sunday's end goes beyond a week."""
        end_s = self.end_s if self.end_s > self.start_s else self.end_s + _DAY_S
        return ((day * _DAY_S + self.start_s, day * _DAY_S + end_s) for day in self.days)

    def __str__(self) -> str:
        days = "" if self.days == _EVERY_DAY else ",".join(_runs(self.days))
        if (self.start_s, self.end_s) == (0, _DAY_S):
            return days or "00:00-24:00"
        return f"{days} {_clock(self.start_s)}-{_clock(self.end_s)}".strip()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Any of some windows; without windows, always."""

    windows: tuple[Window, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Schedule:
        """From texts such as `Mon-Fri 18:00-02:00`; none is always.

        Raises:
            UserError: one of them is no schedule.
        """
        return cls(tuple(_window(text) for text in texts))

    def covers(self, time: datetime, zone: tzinfo) -> bool:
        """Whether the schedule applies at a moment, by what a clock on a wall there shows.

        An hour that the clock skips in spring never comes; one that it shows twice in autumn
        counts twice. Hours over midnight belong to the day on which they begin.

        Args:
            time: aware; a naive one is a mistake of the caller's.
        """
        if time.tzinfo is None:
            raise ValueError("the time has no zone")
        if not self.windows:
            return True
        local = time.astimezone(zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        return any(window.covers(local.weekday(), second) for window in self.windows)

    @property
    def longest_s(self) -> float:
        """For how many seconds it applies at a stretch, at most; endless if it never stops."""
        spans = sorted(span for window in self.windows for span in window.spans())
        longest = float(_WEEK_S if not spans else 0)
        begin = end = -1
        # What goes round the week's end is whole in the second of two weeks.
        for start, stop in (*spans, *((a + _WEEK_S, b + _WEEK_S) for a, b in spans)):
            begin, end = (begin, max(end, stop)) if start <= end else (start, stop)
            longest = max(longest, end - begin)
        return longest if longest < _WEEK_S else inf

    def __str__(self) -> str:
        return ", ".join(str(window) for window in self.windows) or "always"


ALWAYS = Schedule()


def _window(text: str) -> Window:
    tidy = re.sub(r"\s*([-,])\s*", r"\1", text.strip().replace("–", "-"))
    days, _, hours = tidy.rpartition(" ")
    if not hours[:1].isdigit():
        days, hours = tidy, ""
    if not tidy or " " in days.strip():
        raise UserError(f"{text[:40]!r} is no schedule; {_ALLOWED}")
    start_s, end_s = _parse_hours(hours, text) if hours else (0, _DAY_S)
    return Window(_parse_days(days.strip(), text), start_s, end_s)


def _parse_days(days: str, text: str) -> tuple[int, ...]:
    """`Mon-Wed,Sat` → (0, 1, 2, 5); `Fri-Mon` goes round the week's end."""
    if not days:
        return _EVERY_DAY
    found: set[int] = set()
    for part in days.split(","):
        ends = [day.capitalize() for day in part.split("-")]
        if not 1 <= len(ends) <= 2 or not all(day in _DAYS for day in ends):
            allowed = ", ".join(_DAYS)
            raise UserError(f"{text[:40]!r}: {part[:20]!r} is no weekday; choose {allowed}")
        first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        found |= {(first + i) % 7 for i in range((last - first) % 7 + 1)}
    return tuple(sorted(found))


def _parse_hours(hours: str, text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(hours)
    if not match:
        raise UserError(f"{text[:40]!r} is no schedule; {_ALLOWED}")
    h1, m1, h2, m2 = (int(part) for part in match.groups())
    start_s, end_s = h1 * 3600 + m1 * 60, h2 * 3600 + m2 * 60
    if max(m1, m2) > 59 or start_s >= _DAY_S or end_s > _DAY_S:
        raise UserError(f"{text[:40]!r}: hours go from 00:00 to 24:00")
    if start_s == end_s:
        raise UserError(f"{text[:40]!r} begins and ends at once; a whole day is 00:00-24:00")
    return start_s, end_s


def _runs(days: Sequence[int]) -> list[str]:
    """(0, 1, 2, 5) → ["Mon-Wed", "Sat"]."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ["-".join(dict.fromkeys((_DAYS[run[0]], _DAYS[run[-1]]))) for run in runs]


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second % 3600 // 60:02}"
