"""What citizens wrote, without what reaches or names a person: for lists that others read.

People write their number into the words; Open311's requests are a public record.
"""

from __future__ import annotations

import re

from cv.cases.case import Case
from cv.plain_text import one_line

__all__ = ["impersonal", "impersonal_case"]

_NARROW = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # １ is 1, ＠ is @
    | dict.fromkeys(range(0x2010, 0x2016), "-")
    | dict.fromkeys((0x00A0, 0x3000), " ")
)
"""A character for each: what is found in the narrow text is in the same place in the given one."""
_PERSONAL = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+"  # an e-mail address
    r"|(?<!\d)((\+|00)?86[- ]?)?1[3-9]\d([-. ]?\d{4}){2}(?!\d)"  # a mobile number
    r"|(?<!\d)((\+|00)86[- ]?)?(0\d{2,3}|\(0\d{2,3}\))[- ]?\d{7,8}(?!\d)"  # a landline
    r"|(?<!\d)(\+|00)86[- ]?[1-9]\d{1,2}[- ]?\d{7,8}(?!\d)"  # the same as from abroad
    r"|(?<!\d)\d{6}[- ]?\d{8}[- ]?\d{3}[\dXx](?!\d)",  # an identity card
    # Chinese is written without blanks: its characters may touch what is looked for.
    re.ASCII,
)


def impersonal(text: str) -> str:
    """Free text with `***` for e-mail addresses, and for phone and identity numbers."""
    parts, end = [], 0
    for found in _PERSONAL.finditer(text.translate(_NARROW)):
        parts += [text[end : found.start()], "***"]
        end = found.end()
    return "".join((*parts, text[end:]))


def impersonal_case(case: Case) -> Case:
    """A case whose address, and what citizens said, are so; each on one line."""
    place = case.place.model_copy(update={"address": _line(case.place.address)})
    reports = (
        report.model_copy(
            update={"address": _line(report.address), "description": _line(report.description)}
        )
        for report in case.reports
    )
    return case.model_copy(update={"place": place, "reports": tuple(reports)})


def _line(text: str | None) -> str | None:
    # On one line first: what does not print may stand between the digits of a number.
    return impersonal(one_line(text)) if text else text
