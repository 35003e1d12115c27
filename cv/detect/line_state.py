"""The state of a stream's connection, and what is worth a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum

from cv.detect.camera_locks import WatchedError
from cv.errors import SourceError

__all__ = ["LineLog", "StreamState"]

log = logging.getLogger(__name__)


class StreamState(StrEnum):
    CONNECTING = "connecting"
    PLAYING = "playing"
    WAITING = "waiting"
    STOPPED = "stopped"


_NEXT: dict[StreamState, frozenset[StreamState]] = {
    StreamState.CONNECTING: frozenset(
        {StreamState.PLAYING, StreamState.WAITING, StreamState.STOPPED}
    ),
    StreamState.PLAYING: frozenset({StreamState.WAITING, StreamState.STOPPED}),
    StreamState.WAITING: frozenset({StreamState.CONNECTING, StreamState.STOPPED}),
    StreamState.STOPPED: frozenset(),
}


class LineLog:
    """Keeps the state and says each thing once: each reason of an outage, and its end.

    A camera that is off for a week leaves two lines in the log, not ten thousand.
    """

    def __init__(self, name: str, timer: Callable[[], float]) -> None:
        self.name = name
        self.state = StreamState.CONNECTING
        self._timer = timer
        self._lost_at: float | None = None
        self._said: set[str] = set()

    def connecting(self) -> None:
        if self.state is not StreamState.CONNECTING:
            self._enter(StreamState.CONNECTING)

    def playing(self) -> None:
        """The first frame of a connection is there."""
        self._enter(StreamState.PLAYING)
        if self._lost_at is None:
            log.info("%s: playing", self.name)
        else:
            log.info("%s: playing again after %.0f s", self.name, self._timer() - self._lost_at)
        self._lost_at = None
        self._said.clear()

    def lost(self, problem: SourceError) -> None:
        """The connection broke or was not made; `problem` names the stream."""
        self._enter(StreamState.WAITING)
        if self._lost_at is None:
            self._lost_at = self._timer()
        if str(problem) not in self._said:
            self._said.add(str(problem))
            until = "that one ends" if isinstance(problem, WatchedError) else "it answers"
            log.warning("%s; trying again until %s", problem, until)

    def stopped(self) -> None:
        if self.state is not StreamState.STOPPED:
            self._enter(StreamState.STOPPED)
            log.debug("%s: stopped", self.name)

    def _enter(self, state: StreamState) -> None:
        if state not in _NEXT[self.state]:
            raise AssertionError(f"{self.name}: {self.state} cannot become {state}")
        self.state = state
