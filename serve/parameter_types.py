"""Moments and degrees as clients write them: what only looks like one is refused, never guessed.

Pydantic takes a bare number for seconds since 1970, so that a date without its hyphens is a day of
that year, and lets underscores stand in numbers, as Python does.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

__all__ = ["Degrees", "Moment", "degrees"]

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")


def degrees(text: str) -> float:
    """Degrees, as a client wrote them.

    Raises:
        ValueError: it is no plain decimal number.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError("must be degrees as a decimal number, like 112.2613")
    return float(text)


def _written_out(given: object) -> object:
    if isinstance(given, str) and not _MOMENT.match(given):
        raise ValueError("must be a date and time with an offset, like 2026-03-14T15:30:00+08:00")
    return given


def _degrees(given: object) -> object:
    return degrees(given) if isinstance(given, str) else given


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""ISO 8601 with an offset; a blank may stand for the T."""
Degrees = Annotated[float, BeforeValidator(_degrees)]
