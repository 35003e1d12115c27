"""The city's tables together: who is responsible for a matter, and until when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cv.codes import CodeTable
from cv.errors import SiteError
from cv.site.csv_table import CsvTable
from cv.site.errors import Problem
from cv.site.limits import Limits, read_limits
from cv.site.matter_codes import Passed
from cv.site.units import Units, read_units
from cv.site.work_clock import WorkClock
from cv.site.workdays import read_holidays

__all__ = ["Routing", "Tables", "read_tables"]


@dataclass(frozen=True, slots=True)
class Routing:
    """Who is responsible for a matter, and until when: the city's tables.

    Attributes:
        clock: on which limits run out.
    """

    units: Units = field(default_factory=Units)
    limits: Limits = field(default_factory=Limits)
    clock: WorkClock = field(default_factory=WorkClock)


@dataclass(slots=True)
class Tables:
    """What reading the tables gave.

    Attributes:
        unread: files that cannot be read, each with the key of the site file that names it.
        problems, remarks: of the files themselves, one line each, with file and line.
    """

    routing: Routing = field(default_factory=Routing)
    unread: list[Problem] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_tables(data: Mapping[str, Any], folder: Path, codes: CodeTable) -> Tables:
    """Read the tables that a site file names, as far as they can be read.

    Args:
        data: the site file as written; what has the wrong type is passed over.
        folder: of the site file; relative paths begin there.
    """
    found, division = Tables(), _division(data)
    for key, path in _named(data, folder):
        try:
            table, passed = _read(found, key, path, codes, division)
        except SiteError as error:
            found.unread.append(Problem(("routing", key), str(error)))
        else:
            found.problems += table.problems
            found.remarks += passed.remarks(table)
    return found


def _named(data: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    routing = data.get("routing")
    for key in ("units", "limits", "holidays"):
        name = routing.get(key) if isinstance(routing, dict) else None
        if isinstance(name, str) and name.strip() and name.isprintable():
            yield key, folder / name.strip()


def _division(data: Mapping[str, Any]) -> str | None:
    site = data.get("site")
    division = site.get("division") if isinstance(site, dict) else None
    return division if isinstance(division, str) else None


def _read(
    found: Tables, key: str, path: Path, codes: CodeTable, division: str | None
) -> tuple[CsvTable, Passed]:
    routing, passed = found.routing, Passed()
    if key == "units":
        units, table, passed = read_units(path, codes, division)
        found.routing = replace(routing, units=units)
    elif key == "limits":
        limits, table, passed = read_limits(path, codes, division)
        found.routing = replace(routing, limits=limits)
    else:
        days, table = read_holidays(path)
        found.routing = replace(routing, clock=replace(routing.clock, days=days))
    return table, passed
