"""Rest between a live camera's key frames, so that what nobody decodes is read in one go.

A camera's picture comes in hundreds of network packets a second. A reader that waits for each of
them is woken as often; with many cameras that cost a quarter of all processor time. What gathers
in the kernel meanwhile is read in one go.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Naps"]

_FIRST_S = 0.05
_LONGEST_S = 0.2
_GROWTH = 1.2
"""The kernel's buffer for a connection grows with what is read at once; a camera that finds it full
may drop pictures. 0.2 s of 8 Mbit/s are 200 kB."""
_SHORTEST_S = 0.02
_AWAKE = 0.1
"""Share of the distance between key frames for which the reader is awake before the next one."""
_BACKLOG_S = 0.004
"""A frame that was there sooner than that was waiting to be read."""


class Naps:
    """When one camera's reader may rest, and for how long.

    Args:
        timer: seconds on a clock that is never set back.
        wait: waits some seconds, or less if stopped.
    """

    def __init__(self, timer: Callable[[], float], wait: Callable[[float], object]) -> None:
        self._timer = timer
        self._wait = wait
        self._nap_s = _FIRST_S
        self._key_s: float | None = None
        self._read_s = timer()

    def saw_key_frame(self) -> None:
        """A key frame came just now."""
        self._key_s = self._read_s = self._timer()

    def rest(self, distance_s: float | None) -> None:
        """Rest, after a frame that is not decoded, if all that came before it has been read.

        Args:
            distance_s: seconds between key frames, if known; otherwise there is no rest.
        """
        now = self._timer()
        if self._key_s is not None and distance_s and now - self._read_s > _BACKLOG_S:
            left_s = self._key_s + (1 - _AWAKE) * distance_s - now
            if left_s >= _SHORTEST_S:
                self._wait(min(self._nap_s, left_s))
                self._nap_s = min(_LONGEST_S, _GROWTH * self._nap_s)
        self._read_s = self._timer()
