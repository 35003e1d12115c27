"""What the numbers of a training run may be, in options and in settings files alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from cv.errors import ModelError

__all__ = ["check_number"]

_MIN_SIDE = 160
"""Smallest input side: below it there are fewer anchors than candidates (`cv.train.graph`)."""
_MOST_SEED = 2**32 - 1
"""Numpy's generators take no larger one."""


class _Bound(NamedTuple):
    allows: Callable[[float], bool]
    said: str


_COUNT = _Bound(lambda value: value >= 1, "1 or more")
_BOUNDS: dict[str, _Bound] = {
    "imgsz": _Bound(
        lambda value: value % 32 == 0 and value >= _MIN_SIDE,
        f"a multiple of 32, at least {_MIN_SIDE}",
    ),
    "epochs": _COUNT,
    "batch": _COUNT,
    "ema_steps": _COUNT,
    "corrupted": _Bound(lambda value: 0 <= value <= 1, "0 to 1"),
    "hours": _Bound(lambda value: 0 < value < math.inf, "more than 0"),
    "seed": _Bound(lambda value: 0 <= value <= _MOST_SEED, f"0 to {_MOST_SEED}"),
}
_OTHERS = _Bound(lambda value: 0 <= value < math.inf, "0 or more")


def check_number(key: str, value: float, where: str = "") -> None:
    """Whether a number may be used; of one without bounds of its own, whether it is 0 or more.

    Args:
        where: goes before the key in the message.

    Raises:
        ModelError: it may not.
    """
    bound = _BOUNDS.get(key, _OTHERS)
    if not bound.allows(value):
        raise ModelError(f"{where}{key} is {value}; it must be {bound.said}")
