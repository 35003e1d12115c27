"""How long a turn takes at present, so that nobody waits for an answer that would come too late."""

from __future__ import annotations

__all__ = ["Pace"]

_MEAN_SHARE = 1 / 8
_DEVIATION_SHARE = 1 / 4


class Pace:
    """Smoothed mean and deviation of what turns take, as TCP keeps them of round trips (RFC 6298).

    Attributes:
        turn_s: what most turns stay below; 0 until one was seen.
    """

    def __init__(self) -> None:
        self._mean_s = self._deviation_s = 0.0
        self.turn_s = 0.0

    def add(self, seconds: float) -> None:
        if self.turn_s == 0:
            self._mean_s, self._deviation_s = seconds, seconds / 2
        else:
            off = abs(seconds - self._mean_s)
            self._deviation_s += _DEVIATION_SHARE * (off - self._deviation_s)
            self._mean_s += _MEAN_SHARE * (seconds - self._mean_s)
        self.turn_s = self._mean_s + 2 * self._deviation_s

    def answer_s(self, ahead: int, workers: int) -> float:
        """Seconds to an answer.

        Args:
            ahead: requests that are being worked on or wait already.
        """
        # Those being worked on are half done on average, and every worker takes its share.
        waits_s = max(0.0, (ahead - workers + 1) / workers - 0.5) * self._mean_s
        return waits_s + self.turn_s
