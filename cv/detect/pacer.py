"""Video that comes in a heap, spread over the time that it was filmed in."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Pacer"]

_LONGEST_LEAD_S = 10.0


class Pacer:
    """Spreads HLS, which comes in pieces of seconds, over the time that they were filmed in."""

    def __init__(self, timer: Callable[[], float], wait: Callable[[float], object]) -> None:
        self._timer = timer
        self._wait = wait
        self._offset_s: float | None = None

    def keep_pace(self, stamp_s: float) -> None:
        """Wait until a frame with this time stamp (seconds, any origin) would be filmed."""
        now = self._timer()
        if self._offset_s is None or abs(stamp_s + self._offset_s - now) > _LONGEST_LEAD_S:
            self._offset_s = now - stamp_s
        lead_s = stamp_s + self._offset_s - now
        if lead_s > 0:
            self._wait(lead_s)
