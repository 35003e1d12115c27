"""统一社会信用代码, the 18 characters by which an organisation is known (GB 32100-2015)."""

from __future__ import annotations

import re

__all__ = ["check_character", "checked_uscc"]

_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_SHAPE = re.compile(rf"[{_CHARACTERS}]{{2}}[0-9]{{6}}[{_CHARACTERS}]{{10}}")
"""Registering body and kind of organisation, its division, nine of its own, the check character."""


def check_character(code: str) -> str:
    """The last character that belongs to the first seventeen.

    The weights are powers of 3 modulo 31, by ISO 7064.
    """
    total = sum(_CHARACTERS.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return _CHARACTERS[-total % 31]


def checked_uscc(text: str) -> str:
    """The code in a text, in capitals.

    Raises:
        ValueError: it is none, or its check character is wrong: a digit was mistyped.
    """
    code = text.upper()
    if not _SHAPE.fullmatch(code):
        raise ValueError(
            f"{text[:40]!r} is no 统一社会信用代码: 18 digits and capitals without I, O, S, V, Z"
        )
    right = check_character(code)
    if code[17] != right:
        raise ValueError(
            f"{text!r} is no 统一社会信用代码: a character is wrong (or the last would be {right})"
        )
    return code
