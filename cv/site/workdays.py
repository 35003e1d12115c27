"""On which days a city's offices work: China's arrangement of each year, and the city's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from cv.site.csv_table import Column, CsvTable

__all__ = ["Workdays", "arranged_until", "read_holidays"]

_COLUMNS = (
    Column("date", ("日期",)),
    Column("kind", ("类型",)),
)
_KINDS = {"holiday": False, "休": False, "放假": False, "workday": True, "班": True, "上班": True}
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Workdays:
    """Which days are worked, by the State Council's arrangement and the city's own table.

    Attributes:
        own: days of the city's own table: whether they are worked. They beat the arrangement.
    """

    own: Mapping[date, bool] = field(default_factory=dict)

    def works(self, day: date) -> bool:
        """Whether offices work: Monday to Friday but holidays, and weekends worked in exchange."""
        own = self.own.get(day)
        if own is not None:
            return own
        off, worked = _arranged(day.year)
        return day in worked or (day.weekday() < 5 and day not in off)


@cache
def _arranged(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Days off, and weekend days worked for them (调休), as the State Council has arranged."""
    # Half a second to import and to compute, and only needed where something has a limit.
    from holidays import country_holidays

    # The arrangement of a year may have the last days of the year before worked.
    china = country_holidays("CN", years=(year, year + 1), expand=False)
    return frozenset(china), frozenset(china.weekend_workdays)


def arranged_until(year: int) -> int:
    """The last year, up to `year`, whose days worked in exchange are known; 0 if none is."""
    return next((y for y in range(year, 2006, -1) if any(d.year == y for d in _arranged(y)[1])), 0)


def read_holidays(path: Path) -> tuple[Workdays, CsvTable]:
    """Read a table of days, with its mistakes.

    Raises:
        SiteError: the file cannot be read.
    """
    table = CsvTable(path, _COLUMNS)
    own: dict[date, bool] = {}
    lines: dict[date, int] = {}
    for row in table.rows:
        day = table.value(row, "date", _day)
        works = table.value(row, "kind", _works)
        if day is None or works is None:
            continue
        if day in own:
            table.mistake(row, "date", f"{day} is in line {lines[day]} already")
        own[day] = works
        lines.setdefault(day, row.line)
    return Workdays(own), table


def _day(text: str) -> date:
    match = _DATE.fullmatch(text)
    try:
        year, month, day = (int(part) for part in match.groups()) if match else (0, 0, 0)
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date; write 2026-10-01") from None


def _works(text: str) -> bool:
    if text not in _KINDS:
        raise ValueError(f"{text[:40]!r} is not allowed; choose {', '.join(_KINDS)}")
    return _KINDS[text]
