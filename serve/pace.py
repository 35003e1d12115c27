"""How long a turn takes at present: who would be answered too late, and when to ask again."""

from __future__ import annotations

import time
from math import ceil

__all__ = ["Pace"]

_MEAN_SHARE = 1 / 8
_DEVIATION_SHARE = 1 / 4
_SOONEST_S, _LATEST_S = 2.0, 60.0
_TURNS_BETWEEN = 4
"""One of those who were sent away comes back in so many turns: a picture that is sent in vain takes
as long to receive as one that is answered, and who was answered may send the next one, too."""


class Pace:
    """Smoothed mean and deviation of what turns take, as TCP keeps them of round trips (RFC 6298).

    Args:
        workers: those who take turns at the same time.

    Attributes:
        turn_s: what most turns stay below; 0 until one was seen.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._mean_s = self._deviation_s = 0.0
        self.turn_s = 0.0
        self._taken_until = 0.0

    def add(self, seconds: float) -> None:
        if self.turn_s == 0:
            self._mean_s, self._deviation_s = seconds, seconds / 2
        else:
            off = abs(seconds - self._mean_s)
            self._deviation_s += _DEVIATION_SHARE * (off - self._deviation_s)
            self._mean_s += _MEAN_SHARE * (seconds - self._mean_s)
        self.turn_s = self._mean_s + 2 * self._deviation_s

    def answer_s(self, ahead: int) -> float:
        """Seconds to an answer.

        Args:
            ahead: requests that are being worked on or wait already.
        """
        # Those being worked on are half done on average, and every worker takes its share.
        waits_s = max(0.0, (ahead - self._workers + 1) / self._workers - 0.5) * self._mean_s
        return waits_s + self.turn_s

    def come_back_s(self) -> int:
        """Seconds after which one who is sent away now should ask again: a moment of their own, so
        that those who are refused together do not come back together, however many they are.
        """
        now = time.monotonic()
        after_the_last = self._taken_until + _TURNS_BETWEEN * self._mean_s / self._workers
        self._taken_until = min(max(after_the_last, now + _SOONEST_S), now + _LATEST_S)
        return ceil(self._taken_until - now)
