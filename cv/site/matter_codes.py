"""The column of matters' codes in a city's tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cv.codes import CodeTable
from cv.site.csv_table import CsvTable, Row

__all__ = ["ALL", "Passed", "matter_code"]

ALL = "*"
"""Stands for every matter."""

_CODE11 = re.compile(r"[0-9]{11}")
"""事项代码 of GB/T 47678: a division's six digits (GB/T 2260), then the code."""
_CODE = re.compile(r"[0-9]{5}|[0-9]{2}-[0-9]{2}")


@dataclass(slots=True)
class Passed:
    """Rows of matters that are never filed here: a city's table knows hundreds."""

    rows: list[Row] = field(default_factory=list)

    def note(self, row: Row) -> None:
        self.rows.append(row)

    def remarks(self, table: CsvTable) -> list[str]:
        """One line about all of them, at the first; none if there are none."""
        if not self.rows:
            return []
        first, more = self.rows[0], len(self.rows) - 1
        others = f" (nor those of {more} more rows)" if more else ""
        text = f"{first.cells['code']!r} is no code that is filed here{others}; not used"
        return [table.told(first, "code", text)]


def matter_code(
    text: str, codes: CodeTable, division: str | None, *, all_allowed: bool = False
) -> str | None:
    """The code of a cell as the site's edition writes it; "" for one that is not filed here.

    Args:
        division: the site's; a code that begins with it, or with that of its city or province, is
            of here.
        all_allowed: `*` may stand for every matter.

    Raises:
        ValueError: it is no code.
    """
    if all_allowed and text == ALL:
        return ALL
    if _CODE11.fullmatch(text):
        if division is None:
            raise ValueError(f"{text!r} begins with a division, and the site has none")
        here = (division, division[:4] + "00", division[:2] + "0000")
        if text[:6] not in here:
            return ""
        text = text[6:]
    code = codes.named(text)
    if code is not None:
        return code.code5
    if _CODE.fullmatch(text):
        return ""
    allowed = "write 09005 or, as in 2013, 04-05" + (f", or {ALL}" if all_allowed else "")
    if codes.named(f"0{text}"):
        allowed = "its leading zero is gone"
    hint = "in Excel, format the column as text"
    raise ValueError(f"{text[:40]!r} is no code; {allowed} ({hint})")
