"""What people write, as text that is safe to show: in a terminal, on a line of its own.

Control characters steer a terminal, and formatting ones (bidirectional overrides, invisible blanks)
let a text look like another. Joiners stay: emoji and several scripts are made with them.
"""

from __future__ import annotations

import json
import unicodedata

__all__ = ["one_line", "plain_text", "printable_json", "printable_line"]

_JOINERS = "\u200c\u200d"


def plain_text(text: str) -> str:
    """Without characters that do not print; lines stay, tabs become blanks."""
    for end in ("\r\n", "\r", "\u2028", "\u2029"):
        text = text.replace(end, "\n")
    return "".join(filter(_prints, text.replace("\t", " "))).strip()


def one_line(text: str) -> str:
    """The same on one line, with one blank where there were several, or a line's end."""
    return " ".join(plain_text(text).split())


def printable_json(document: object, indent: int | None = None) -> str:
    """JSON as people read it, in which what does not print is an escape: nothing is lost."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return "".join(char if _prints(char) else _escape(char) for char in text)


def printable_line(text: str) -> str:
    """Text on one line, in which what does not print, and a line's end, is an escape as in JSON."""
    return "".join(char if _prints(char) and char != "\n" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return json.dumps(char)[1:-1]


def _prints(char: str) -> bool:
    return char == "\n" or char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf")
