"""Leaves out every second look at a live camera whose view is still.

Of a look at a still view two thirds are decoding. So where the last look changed nothing, and
nothing waits for the next one, that is not made, but the next one that can be is: whatever comes is
seen one look later at most. Mostly it is seen in time, for what moves makes the frames between key
frames larger than they were while nothing did, unless the camera levels their size.
"""

from __future__ import annotations

from collections import deque
from math import inf

__all__ = ["EverySecond"]

_LONGEST_S = 5.0
"""Between looks: where they are rarer, each of them counts, and decoding is no matter."""
_REMEMBERED = 10
_KNOWN = 3
_LATE = 1.75
"""Times `every_s`: a camera from which no look was due for longer has been waited for enough."""
_MORE = 1.25
"""Times the most bytes that came between looks which changed nothing: they vary by 14 % there."""


class EverySecond:
    """Follows one camera, from one connection to the next.

    Args:
        every_s: seconds between looks; None is every frame.
    """

    def __init__(self, every_s: float | None) -> None:
        self._seldom = every_s is None or every_s > _LONGEST_S
        self._late_s = _LATE * (every_s or 0.0)
        self._usual: deque[int] = deque(maxlen=_REMEMBERED)
        self._is_still = False
        self._is_owed = False
        self._last_bytes: int | None = None
        self._last_s = -inf
        self._came = self._came_before_look = 0

    def begin_look(self) -> None:
        """A look begins: none is left out until it is told what came of it. From any thread."""
        self._is_still = self._is_owed = False
        self._came_before_look = self._came

    def end_look(self, *, is_still: bool) -> None:
        """A look was made. From any thread.

        Args:
            is_still: nothing changed, and nothing waits for the next look.
        """
        if is_still:
            self._usual.append(self._came_before_look)
        self._is_still = is_still

    def spares(self, delta_bytes: int, at_s: float) -> bool:
        """Whether to leave out the look that is due now.

        Args:
            delta_bytes: size of all frames so far that are no key frames.
            at_s: this moment, on a clock that is never set back.
        """
        known = self._last_bytes is not None and len(self._usual) >= _KNOWN
        came = delta_bytes - (self._last_bytes or 0)
        seldom = self._seldom or at_s - self._last_s > self._late_s
        may = self._is_still and not self._is_owed and not seldom
        # Until a look begins: one that is to be made fails if its picture is damaged.
        self._is_owed = True
        self._last_bytes, self._last_s, self._came = delta_bytes, at_s, came
        return may and known and came <= _MORE * max(self._usual)

    def restart(self) -> None:
        """The camera was away: the next look is made, and bytes are counted anew."""
        self._is_still = False
        self._last_bytes = None
