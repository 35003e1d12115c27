"""Which frames of a recording are looks, and at what media time."""

from __future__ import annotations

from copy import copy

from cv.detect.damage import Decoded
from cv.detect.decoding import Video
from cv.detect.media_time import Cadence, MediaClock

__all__ = ["Schedule"]

_ROUNDING_S = 0.002  # containers with millisecond time stamps round a frame's time up or down


class Schedule:
    """Follows one reading of a recording.

    Key frames are decoded several at a time, so what is asked for may be ahead of what has come;
    each has a clock and a cadence of its own.

    Args:
        every_s: seconds of media time between looks; None looks at every frame.
    """

    def __init__(self, video: Video, every_s: float | None) -> None:
        self._video = video
        self._came = Cadence(every_s, early_s=_ROUNDING_S)
        self._came_clock = MediaClock(video.step_s, video.duration_s, video.origin_s)
        self._asked, self._asked_clock = copy(self._came), copy(self._came_clock)
        self._decode = video.decode
        self._latest_due_s: float | None = None

    @property
    def missed(self) -> int:
        """Looks that were due and never taken."""
        return self._came.missed

    def asks(self, stamp_s: float | None) -> float | None:
        """Media time for which to decode a key frame with this time stamp; None if no look is due.

        To be called for each key frame, for time passes: in joined files stamps begin anew.
        """
        if not self._video.is_ahead:
            self._asked = copy(self._came)
        self._asked.step_s = self._video.spacing_s
        self._asked_clock.step_s = self._video.spacing_s or self._video.step_s
        media_s = self._asked_clock.read(stamp_s)
        if not self._asked.is_due(media_s):
            return None
        self._asked.take(media_s)
        return media_s

    def look_s(self, decoded: Decoded) -> float | None:
        """Media time of the next frame, if a look is due then; to be called for each."""
        media_s = decoded.due_s
        if media_s is None:
            media_s = self._read(decoded.stamp_s)
            self._came.step_s = self._video.spacing_s
            is_due = self._came.is_due(media_s)
        else:
            # It was when it was asked for: by those read since, it may not be.
            is_due = media_s != self._latest_due_s  # unless it is a key frame's second picture
        self._came_clock.agree(decoded.stamp_s, media_s)
        return media_s if is_due else None

    def take(self, decoded: Decoded, media_s: float) -> None:
        """The look is made of this frame."""
        self._came.take(media_s)
        self._latest_due_s = decoded.due_s

    def _read(self, stamp_s: float | None) -> float:
        """The media time of a frame that was not asked for."""
        if self._video.decode is not self._decode:  # key frames were none: back to the last look
            self._decode, self._asked_clock = self._video.decode, copy(self._came_clock)
        self._asked_clock.step_s = self._video.step_s
        return self._asked_clock.read(stamp_s)
