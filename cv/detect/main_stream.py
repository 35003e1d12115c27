"""Pictures of a camera's main stream, for the cases of one whose sub-stream is watched.

A sub-stream costs a fraction of the decoding, but 704 pixels across are poor evidence. So single
key frames of the main stream are fetched, a little before they are needed and beside the watch:
connecting takes seconds, and a camera that does not answer must hold up nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Event, Semaphore, Thread
from time import monotonic

from cv.detect.frames import Frame, Source, SourceKind, SourceUrl
from cv.detect.patrol import glimpse
from cv.errors import SourceError

__all__ = ["AHEAD_S", "MainStream", "fetch_slots"]

AHEAD_S = 20.0
"""From so long before a change may come, pictures are fetched."""
_FRESH = timedelta(seconds=60)
_NEXT_S = 5.0
_AGAIN_S = 60.0
_AT_ONCE = 8
logger = logging.getLogger(__name__)


def fetch_slots() -> Semaphore:
    """Lets so many cameras send a picture at once: each takes a decoder's memory."""
    return Semaphore(_AT_ONCE)


class MainStream:
    """One camera's main stream.

    Args:
        url: its address.
        slots: `fetch_slots`, shared by all cameras.
    """

    def __init__(self, url: SourceUrl, slots: Semaphore) -> None:
        self._source = Source(SourceKind.STREAM, url)
        self._slots = slots
        self._frame: Frame | None = None
        self._fetching: Thread | None = None
        self._next_s = 0.0
        self._lost = False
        self._closed = Event()

    def look(self, now: datetime, needed: datetime | None) -> None:
        """At every look: forget an old picture, and begin to fetch one that is needed.

        Args:
            needed: younger than this; None where no change is foreseen.
        """
        if self._frame and abs(now - self._frame.time) > _FRESH:  # or the clock was set back
            self._frame = None
        if needed is None or self.frame(needed) or self._is_fetching or monotonic() < self._next_s:
            return
        self._next_s = monotonic() + _NEXT_S
        self._fetching = Thread(target=self._fetch, name=f"main {self._source.name}", daemon=True)
        self._fetching.start()

    def frame(self, after: datetime) -> Frame | None:
        """The latest picture, if one came that is younger than `after` and not a minute old."""
        frame = self._frame
        return frame if frame and frame.time > after else None

    def close(self) -> None:
        """Fetch nothing any more."""
        self._closed.set()

    @property
    def _is_fetching(self) -> bool:
        return self._fetching is not None and self._fetching.is_alive()

    def _fetch(self) -> None:
        try:
            with self._slots:
                frame = glimpse(self._source, self._closed.is_set)
        except SourceError as error:
            if not self._lost:
                logger.warning("%s; pictures of cases are the sub-stream's meanwhile", error)
            self._lost = True
            self._next_s = monotonic() + _AGAIN_S
            return
        if self._lost:
            logger.warning("%s: pictures of cases are the main stream's again", self._source.name)
            self._lost = False
        self._frame = frame
