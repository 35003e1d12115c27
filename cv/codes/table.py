"""Loading a code table, and choosing a code in it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from cv.errors import SiteError
from cv.labels import Matter, ZoneKind

__all__ = ["EDITIONS", "Code", "CodeTable", "MainClass", "edition"]

_FILES = MappingProxyType(
    {
        "GB/T 47678.5-2026": "gbt47678_5_2026.toml",
        "GB/T 30428.2-2013": "gbt30428_2_2013.toml",
        "CJ/T 214-2007": "cjt214_2007.toml",
    }
)
EDITIONS: tuple[str, ...] = tuple(_FILES)
"""Every edition known, the newest first."""


@dataclass(frozen=True, slots=True)
class Code:
    """One matter's code in one edition: the class of a case, not its number.

    Attributes:
        code5: as the edition writes it: `09009` in 2026, `04-09` before.
        name_en: our translation; the standards have none.
        legacy_2013: the same matter in GB/T 30428.2-2013, if that knows it.
        is_local_extension: a city added it, counting down from 99; no national code.
        certainty: A primary text, B two independent sources, C one, D inferred; the printed
            standards were not at hand.
        alternatives: what a person may choose instead, likeliest first; they have none in turn.
    """

    standard_ref: str
    code5: str
    name_zh: str
    name_en: str
    legacy_2013: str | None = None
    is_local_extension: bool = False
    certainty: str = "C"
    alternatives: tuple[Code, ...] = ()

    def code11(self, division: str | None) -> str | None:
        """事项代码: six digits of the division (GB/T 2260), then the code.

        None without a division, and for editions before 2026, whose codes have four digits.
        """
        if division is None or not (len(self.code5) == 5 and self.code5.isdecimal()):
            return None
        return division + self.code5


@dataclass(frozen=True, slots=True)
class MainClass:
    """大类: what begins the codes of a group."""

    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """A row of the table of choices; an empty column fits everything."""

    matter: Matter
    labels: frozenset[str]
    zones: frozenset[ZoneKind]
    code: Code

    def fits(self, matter: Matter, label: str, zone: ZoneKind | None) -> bool:
        return (
            matter == self.matter
            and (not self.labels or label in self.labels)
            and (not self.zones or zone in self.zones)
        )


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One edition.

    Attributes:
        classes: main classes by their two digits.
        codes: by code5.
    """

    standard_ref: str
    title_zh: str
    title_en: str
    classes: Mapping[str, MainClass]
    codes: Mapping[str, Code]
    choices: tuple[_Choice, ...]

    def code(self, matter: Matter, label: str, zone: ZoneKind | None) -> Code:
        """The code to suggest for a matter, by what is there and where; a person decides.

        Every matter has one: where an edition knows no class of its own, its file says which
        neighbour stands in.

        Args:
            zone: kind of the zone; None for a photo, which has no zones.
        """
        return next(row.code for row in self.choices if row.fits(matter, label, zone))

    def named(self, text: str) -> Code | None:
        """The code that a text names, as this edition writes it or as that of 2026 or 2013 does.

        2013 is not tried for an edition whose own codes look the same and mean something else.
        """
        if text in self.codes:
            return self.codes[text]
        newest, old = (edition(ref) for ref in EDITIONS[:2])
        of_2013 = newest.codes[text].legacy_2013 if text in newest.codes else None
        if self is newest and text in old.codes:
            of_2013 = text
        if self is old:
            return self.codes.get(of_2013 or "")
        found = (code for code in self.codes.values() if code.legacy_2013 == of_2013 is not None)
        return next(found, None)

    def main_class(self, code: Code) -> MainClass:
        return self.classes[code.code5[:2]]

    def filed(self) -> dict[str, tuple[Matter, Code]]:
        """Every code that a person may file under, by code5, with the matter that it is of.

        A code that a matter's first row chooses is of that matter, any other of the first row that
        names it. Codes that no matter leads to are left out.
        """
        firsts = {row.matter: row.code for row in reversed(self.choices)}
        found = {code.code5: (matter, code) for matter, code in firsts.items()}
        for row in self.choices:
            for code in (row.code, *row.code.alternatives):
                found.setdefault(code.code5, (row.matter, code))
        return dict(sorted(found.items()))


@cache
def edition(standard_ref: str) -> CodeTable:
    """The table of an edition of `EDITIONS`.

    Raises:
        SiteError: no such edition.
    """
    if standard_ref not in _FILES:
        near = get_close_matches(standard_ref, EDITIONS, 1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise SiteError(
            f"{standard_ref[:40]!r} is no edition known; choose {', '.join(EDITIONS)}{hint}"
        )
    text = files("cv.codes").joinpath(_FILES[standard_ref]).read_text(encoding="utf-8")
    return _table(tomllib.loads(text))


def _table(data: dict[str, Any]) -> CodeTable:
    ref: str = data["standard_ref"]
    codes = {
        code5: Code(ref, code5, **{"certainty": data["certainty"]} | row)
        for code5, row in data["codes"].items()
    }

    def with_alternatives(row: dict[str, Any]) -> Code:
        others = tuple(codes[other] for other in row.get("alternatives", ()))
        return replace(codes[row["code"]], alternatives=others)

    return CodeTable(
        ref,
        data["title_zh"],
        data["title_en"],
        MappingProxyType({digits: MainClass(**row) for digits, row in data["classes"].items()}),
        MappingProxyType(codes),
        tuple(
            _Choice(
                Matter(row["matter"]),
                frozenset(row.get("labels", ())),
                frozenset(ZoneKind(kind) for kind in row.get("zones", ())),
                with_alternatives(row),
            )
            for row in data["choices"]
        ),
    )
