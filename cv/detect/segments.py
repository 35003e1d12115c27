"""Segments of one camera, of which one goes on where the one before it ends.

All that is known of some recordings is when their file was last written, and a copy of several has
that of the copying. Two that lay over each other would show everything twice, so these do not
overlap. What says itself when it began often does, by a frame or a second: names and metadata have
whole seconds, and a recorder closes a segment at its next key frame.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from cv.detect.recording import Recording
from cv.detect.start_time import StartSource

__all__ = ["Segments"]

_LEAST = timedelta(milliseconds=1)


class _Span(NamedTuple):
    """What recordings that go on from one to the next have shown; `guessed` is when."""

    begin: datetime
    end: datetime
    guessed: bool


class Segments:
    """One run's recordings, in the order in which they are watched."""

    def __init__(self) -> None:
        self._spans: dict[str, _Span] = {}

    def place(self, camera: str, recording: Recording) -> None:
        """Begin a recording where the one before it ends, if it was guessed to begin within it."""
        if recording.start_source is not StartSource.MODIFIED or camera not in self._spans:
            return
        span = self._spans[camera]
        if max(span.begin, recording.start) < min(span.end, _end(recording)):
            recording.start = span.end

    def seen(self, camera: str, recording: Recording, recorded: datetime | None) -> datetime | None:
        """Until when the recording before a placed one shows the same; None if it does not.

        Looked at twice, that stretch would pass for a re-run, which begins anew: what stood there
        in one segment would have to stand its whole time again in the next.

        Args:
            recorded: time of the camera's last look that is in the store.
        """
        span = self._spans.get(camera)
        if recorded is None or span is None or span.guessed:
            return None
        more = recording.duration_s is None or recorded < _end(recording)
        return recorded if more and span.begin < recording.start <= recorded < span.end else None

    def passed(self, camera: str, recording: Recording, media_s: float = 0.0) -> None:
        """Remember until when a placed recording lasts.

        Args:
            media_s: of the last look, which may lie beyond the length that its file states.
        """
        before = self._spans.get(camera)
        begin = before.begin if before and recording.start == before.end else recording.start
        seen = recording.start + timedelta(seconds=media_s) + _LEAST
        guessed = recording.start_source is StartSource.MODIFIED
        self._spans[camera] = _Span(begin, max(_end(recording), seen), guessed)


def _end(recording: Recording) -> datetime:
    return recording.start + max(timedelta(seconds=recording.duration_s or 0.0), _LEAST)
