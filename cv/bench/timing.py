"""Times taken by turns: what slows the machine slows all contenders alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

__all__ = ["Ratio", "by_turns", "middle", "ratio"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times one time is another's: the middle round, and the middle half of rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ±{(self.high - self.low) / 2:.2f}"


def by_turns(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, limit_s: float = float("inf")
) -> dict[str, list[float]]:
    """Seconds of one call of each way, round by round; each round begins with another way.

    Args:
        limit_s: no round is begun that would probably end later than this; one always is.
    """
    names = list(ways)
    times: dict[str, list[float]] = {name: [] for name in names}
    began = time.perf_counter()
    for number in range(rounds):
        round_began = time.perf_counter()
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            ways[name]()
            times[name].append(time.perf_counter() - start)
        now = time.perf_counter()
        if now - began + (now - round_began) > limit_s:
            break
    return times


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """`above` over `below`, round by round."""
    quotients = [a / b for a, b in zip(above, below, strict=True)]
    if len(quotients) == 1:
        return Ratio(*quotients * 3)
    low, _, high = quantiles(quotients, n=4, method="inclusive")
    return Ratio(middle(quotients), low, high)
