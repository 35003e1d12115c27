"""处置时限: how long a city gives for a matter, from its table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from cv.codes import CodeTable
from cv.site.csv_table import Column, CsvTable
from cv.site.errors import not_allowed
from cv.site.matter_codes import Passed, matter_code

__all__ = ["LIMIT_NAMES_ZH", "Limit", "LimitKind", "Limits", "read_limits"]

LimitKind = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]

LIMIT_NAMES_ZH: Mapping[LimitKind, str] = {
    "urgent_hour": "紧急工作时",
    "work_hour": "工作时",
    "work_day": "工作日",
    "natural_day": "自然日",
}
_COLUMNS = (
    Column("code", ("事项代码", "代码")),
    Column("type", ("时限类型",)),
    Column("value", ("时限", "处置时限")),
    Column("text", ("说明", "时限说明"), required=False),
    Column("condition", ("立案条件",), required=False),
)
_LONGEST_TEXT = 256
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a matter may take.

    Attributes:
        kind: whose hours or days: `urgent_hour` and `natural_day` run on, the others rest.
        text: as people say it.
        condition: 立案条件, in which case it holds; None is in any.
    """

    kind: LimitKind
    value: float
    text: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The city's table of limits (处置时限).

    Attributes:
        table: by code, in the order of the file.
    """

    table: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)

    def find(self, code5: str) -> Limit | None:
        """The limit of a matter: that without a condition, else the first of the file.

        Conditions are for people to judge; nothing here can tell which holds.
        """
        limits = self.table.get(code5, ())
        return next(
            (limit for limit in limits if limit.condition is None), next(iter(limits), None)
        )


def read_limits(
    path: Path, codes: CodeTable, division: str | None = None
) -> tuple[Limits, CsvTable, Passed]:
    """Read the table, with its mistakes, and the rows for matters that are never filed here.

    Args:
        division: the site's, for codes of eleven digits.

    Raises:
        SiteError: the file cannot be read.
    """
    table, passed = CsvTable(path, _COLUMNS), Passed()
    limits: dict[str, tuple[Limit, ...]] = {}
    lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        code = table.value(row, "code", lambda text: matter_code(text, codes, division))
        kind = table.value(row, "type", _kind)
        value = table.value(row, "value", _value)
        text = table.value(row, "text", _text)
        condition = table.value(row, "condition", _text)
        if code == "":
            passed.note(row)
        if not code or kind is None or value is None or text is None or condition is None:
            continue
        if (code, condition) in lines:
            name = f"{code} {codes.codes[code].name_zh}"
            same = "with this condition" if condition else "without a condition"
            said = f"{name} has a limit {same} in line {lines[code, condition]}"
            table.mistake(row, "code", said)
        lines.setdefault((code, condition), row.line)
        limit = Limit(kind, value, text or f"{value:g} {LIMIT_NAMES_ZH[kind]}", condition or None)
        limits[code] = (*limits.get(code, ()), limit)
    return Limits(limits), table, passed


def _kind(text: str) -> LimitKind:
    for kind in get_args(LimitKind):
        if text in (kind, LIMIT_NAMES_ZH[kind]):
            found: LimitKind = kind
            return found
    raise ValueError(not_allowed(text, [f"{kind} {zh}" for kind, zh in LIMIT_NAMES_ZH.items()]))


def _value(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LONGEST:
        raise ValueError(f"{text[:40]!r} is no number above 0 and up to {_LONGEST}")
    return value


def _text(text: str) -> str:
    if text and not text.isprintable():
        text = " ".join(text.split())
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"must be at most {_LONGEST_TEXT} characters")
    return text
