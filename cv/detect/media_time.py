"""Media time out of a file's time stamps, and when the next look is due."""

from __future__ import annotations

import math

__all__ = ["Cadence", "MediaClock", "StampGuess"]

_SMALLEST_STEP_S = 0.001
_LATE_S = 1.0  # less is the decoder's own delay in files without proper stamps
_BACKWARD_JITTER_S = 1.0
_BEYOND_END_S = 10.0
_LONGEST_GAP_S = 3600.0
_NEARER = 0.45
"""Of the distance between two frames: from here on the first one is the nearer one."""


class StampGuess:
    """Chooses between a frame's two time stamps, as FFmpeg's players do.

    The presentation stamp (pts) is the right one, but AVI and broken files have none or such as
    jump about; the decoder's (dts), in order of display by then, is off by a constant at most.
    After libavcodec/decode.c, guess_correct_pts.
    """

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = 0
        self._faulty_dts = 0

    def best(self, pts: int | None, dts: int | None) -> int | None:
        """The stamp to believe, of those of the next frame."""
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts


class MediaClock:
    """Seconds since a recording's start, rising with every frame.

    Follows the time stamps wherever they make sense, so a variable frame rate is right; where
    they are missing, or jump back or far past the end (joined or damaged files), time goes on
    by one frame.

    Args:
        step_s: seconds from frame to frame, of those that it is told of; may change.
        duration_s: length by the file's own account, if it has one.
        origin_s: time stamp of the start by the file's own account; the first frame given to
            `read` may be later if those before it were damaged.
    """

    def __init__(
        self, step_s: float, duration_s: float | None = None, origin_s: float | None = None
    ) -> None:
        self.step_s = step_s
        self._duration_s = duration_s
        self._origin_s = origin_s
        self._offset_s: float | None = None
        self._media_s: float | None = None

    def read(self, stamp_s: float | None) -> float:
        """Media time of the next frame, whose time stamp (seconds, any origin) is given."""
        self._media_s, self._offset_s = self._next(stamp_s)
        return self._media_s

    def agree(self, stamp_s: float | None, media_s: float) -> None:
        """The latest frame has this media time, as another clock says."""
        self._media_s = media_s
        if stamp_s is not None:
            self._offset_s = stamp_s - media_s

    def _next(self, stamp_s: float | None) -> tuple[float, float | None]:
        """The next frame's media time and offset."""
        if self._media_s is None:
            media_s = self._late_s(stamp_s)
            return media_s, None if stamp_s is None else stamp_s - media_s
        expected = self._media_s + self.step_s
        if stamp_s is None:
            return expected, self._offset_s
        offset_s = stamp_s - expected if self._offset_s is None else self._offset_s
        media_s = stamp_s - offset_s
        if not self._is_plausible(media_s):
            offset_s, media_s = stamp_s - expected, expected
        return max(media_s, self._media_s + _SMALLEST_STEP_S), offset_s

    def _late_s(self, stamp_s: float | None) -> float:
        if stamp_s is None or self._origin_s is None:
            return 0.0
        late_s = stamp_s - self._origin_s
        return late_s if _LATE_S <= late_s <= (self._duration_s or 0.0) else 0.0

    def _is_plausible(self, media_s: float) -> bool:
        last = self._media_s or 0.0
        if media_s < last - _BACKWARD_JITTER_S:
            return False
        if self._duration_s is None:
            return media_s - last <= _LONGEST_GAP_S
        return media_s <= max(last, self._duration_s) + _BEYOND_END_S


class Cadence:
    """When looks are due: on a fixed grid, so that their average distance is `every_s`.

    Args:
        every_s: seconds between looks; None makes every moment due.
        early_s: how much too early a frame may come and still be taken, so that one frame a
            second with network jitter does not miss every other turn.

    Attributes:
        step_s: seconds from frame to frame, where they are so rare that it matters: one that comes
            early is taken if the next one would be later still.
        missed: looks that were due and never taken, because frames or time for them were lacking.
    """

    def __init__(self, every_s: float | None, *, early_s: float = 0.0) -> None:
        self._every_s = every_s
        self._early_s = early_s
        self._next_s: float | None = None
        self.step_s = 0.0
        self.missed = 0

    def is_due(self, time_s: float) -> bool:
        if self._next_s is None or self._every_s is None:
            return True
        nearer_s = _NEARER * min(self.step_s, self._every_s)
        return time_s >= self._next_s - max(self._early_s, nearer_s)

    def take(self, time_s: float) -> None:
        """A look was taken: the next one is due at the grid's next point at least half away."""
        if self._every_s is None:
            return
        if self._next_s is None:
            self._next_s = time_s
        earliest = time_s + self._every_s / 2
        steps = max(1, math.ceil((earliest - self._next_s) / self._every_s))
        self.missed += steps - 1
        self._next_s += steps * self._every_s

    def restart(self) -> None:
        """Begin a new grid: nothing could be seen since the last look."""
        self._next_s = None
