"""Durations as people write them: 90s, 5m, 2h, 30d."""

from __future__ import annotations

import math
import re

from cv.errors import UserError

__all__ = ["format_duration", "option_seconds", "parse_duration"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PATTERN = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)?", re.ASCII)
_LONGEST_D = 36500
"""A hundred years: a moment so far from now still has a date, and a timer can wait for it."""


def parse_duration(value: str | float) -> float:
    """Seconds in a text such as `90s`, `1.5h` or `30d`; a number alone is seconds.

    Raises:
        UserError: anything else, negative and endless times included, and above a hundred years.
    """
    if isinstance(value, str):
        match = _PATTERN.fullmatch(value.strip())
        seconds = float(match["number"]) * _SECONDS[match["unit"] or "s"] if match else math.nan
    else:
        # A whole number of TOML or JSON may be larger than any float.
        seconds = float(value) if abs(value) < 1e300 else math.inf
    if not (math.isfinite(seconds) and seconds >= 0):
        raise UserError(f"{str(value)[:40]!r} is no duration; write 90s, 5m, 2h, 30d or seconds")
    if seconds > _LONGEST_D * _SECONDS["d"]:
        raise UserError(f"{str(value)[:40]!r} is too long; at most {_LONGEST_D}d")
    return seconds


def option_seconds(option: str, text: str, *, zero: bool = False) -> float:
    """Seconds in what was given for an option of the command line.

    Args:
        zero: whether no time at all can be meant.

    Raises:
        UserError: it is no duration, or 0; the message names the option.
    """
    try:
        seconds = parse_duration(text)
    except UserError as error:
        raise UserError(f"{option} {error}") from error
    if seconds == 0 and not zero:
        raise UserError(f"{option} {text!r}: must be longer than 0s")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest form with one unit, exact to a millisecond: 300 → 5m, 90 → 90s, 0.5 → 500ms.

    >>> parse_duration(format_duration(5400.0))
    5400.0
    """
    if seconds and seconds < 1 and (seconds * 1000).is_integer():
        return f"{int(seconds * 1000)}ms"
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds / _SECONDS[unit])}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
