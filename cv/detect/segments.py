"""Segments of one camera, of which nothing says when they began: they do not overlap.

All that is known of such a recording is when its file was last written, and a copy of several has
that of the copying. Two that lay over each other would show everything twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cv.detect.recording import Recording
from cv.detect.start_time import StartSource

__all__ = ["Segments"]

_LEAST = timedelta(milliseconds=1)


class Segments:
    """One run's recordings, in the order in which they are watched."""

    def __init__(self) -> None:
        self._spans: dict[str, tuple[datetime, datetime]] = {}

    def place(self, camera: str, recording: Recording) -> None:
        """Begin a recording where the one before it ends, if it was guessed to begin within it."""
        if recording.start_source is not StartSource.MODIFIED or camera not in self._spans:
            return
        begin, end = self._spans[camera]
        if max(begin, recording.start) < min(end, _end(recording)):
            recording.start = end

    def passed(self, camera: str, recording: Recording, media_s: float = 0.0) -> None:
        """Remember until when a placed recording lasts.

        Args:
            media_s: of the last look, which may lie beyond the length that its file states.
        """
        begin, end = self._spans.get(camera, (recording.start, recording.start))
        begin = begin if recording.start == end else recording.start
        seen = recording.start + timedelta(seconds=media_s) + _LEAST
        self._spans[camera] = begin, max(_end(recording), seen)


def _end(recording: Recording) -> datetime:
    return recording.start + max(timedelta(seconds=recording.duration_s or 0.0), _LEAST)
