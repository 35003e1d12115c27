"""How long to wait before a lost stream is dialled again."""

from __future__ import annotations

from random import Random

__all__ = ["Backoff"]


class Backoff:
    """Pauses that double up to a cap, each cut at random by up to half.

    The cut keeps a hundred cameras behind one switch from dialling at the same moment.

    Args:
        first_s: longest first pause, seconds.
        cap_s: longest pause of all.
    """

    def __init__(self, rng: Random, *, first_s: float = 1.0, cap_s: float = 60.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._cap_s = cap_s
        self._tries = 0

    def next_s(self) -> float:
        """Seconds to wait now; the next pause will be longer."""
        longest = min(self._cap_s, self._first_s * 2.0 ** min(self._tries, 32))
        self._tries += 1
        return longest * self._rng.uniform(0.5, 1.0)

    def longest_s(self) -> float:
        """Seconds to wait after a refusal, when asking often does harm."""
        return self._cap_s * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The stream is well again."""
        self._tries = 0
