"""Which unit is responsible: a city's table of matters and areas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cv.codes import CodeTable
from cv.site.csv_table import Column, CsvTable
from cv.site.matter_codes import ALL, Passed, matter_code
from cv.site.uscc import checked_uscc

__all__ = ["Unit", "Units", "areas_of", "read_units"]

_COLUMNS = (
    Column("code", ("事项代码", "代码")),
    Column("area", ("区域代码", "区域"), required=False),
    Column("dept_code", ("主管部门代码", "统一社会信用代码")),
    Column("dept_name", ("主管部门名称", "主管部门")),
)
_AREA = re.compile(r"[0-9]{6}(?:[0-9]{3}){0,3}")
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Unit:
    """主管部门.

    Attributes:
        code18: its 统一社会信用代码.
    """

    code18: str
    name: str


@dataclass(frozen=True, slots=True)
class Units:
    """The city's table of the units responsible (主管部门).

    Attributes:
        table: by code (`*` for every matter) and area (empty for everywhere).
    """

    table: Mapping[tuple[str, str], Unit] = field(default_factory=dict)

    def find(self, code5: str, areas: Sequence[str]) -> Unit | None:
        """The unit for a matter at a place.

        A row for the matter itself beats one for every matter, then the smallest area counts.

        Args:
            areas: of the place, the smallest first, as `areas_of` gives them.
        """
        for code in (code5, ALL):
            for area in (*areas, ""):
                unit = self.table.get((code, area))
                if unit is not None:
                    return unit
        return None


def areas_of(grid: str | None, community: str | None, division: str | None) -> tuple[str, ...]:
    """The areas around a place, the smallest first: grid, community, street, county, city.

    Args:
        grid, community, division: codes of 15, 12 and 6 digits, as far as they are known.
    """
    community = community or (grid or "")[:12]
    county = division or community[:6]
    city = county[:4] + "00" if county else ""
    found = (grid or "", community, community[:9], community[:6], county, city)
    return tuple(area for area in dict.fromkeys(found) if area)


def read_units(
    path: Path, codes: CodeTable, division: str | None = None
) -> tuple[Units, CsvTable, Passed]:
    """Read the table, with its mistakes, and the rows for matters that are never filed here.

    Args:
        division: the site's, for codes of eleven digits.

    Raises:
        SiteError: the file cannot be read.
    """
    table, passed = CsvTable(path, _COLUMNS), Passed()
    units: dict[tuple[str, str], Unit] = {}
    lines: dict[tuple[str, str], int] = {}
    as_code = partial(matter_code, codes=codes, division=division, all_allowed=True)
    for row in table.rows:
        code = table.value(row, "code", as_code)
        area = table.value(row, "area", _area)
        code18 = table.value(row, "dept_code", checked_uscc)
        name = table.value(row, "dept_name", _name)
        if code is None or area is None:
            continue
        if code == "":
            passed.note(row)
            continue
        if (code, area) in units:
            what = "every matter" if code == ALL else f"{code} {codes.codes[code].name_zh}"
            text = f"{what} in {area or 'the whole site'} has a unit in line {lines[code, area]}"
            table.mistake(row, "code", text)
        lines.setdefault((code, area), row.line)
        units.setdefault((code, area), Unit(code18 or "", name or ""))
    return Units(units), table, passed


def _area(text: str) -> str:
    if text and not _AREA.fullmatch(text):
        raise ValueError(
            f"{text[:40]!r} is no area: 6 digits of a division, 9 of a street, 12 of a community, "
            "15 of a grid, or empty for everywhere (in Excel, format the column as text)"
        )
    return text


def _name(text: str) -> str:
    if not text or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise ValueError(f"must be 1 to {_LONGEST_NAME} characters on one line")
    return text
