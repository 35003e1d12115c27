"""The slot between a stream's reader and whoever looks: it holds one frame, the latest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Condition

from cv.detect.damage import Decoded
from cv.detect.media_time import Cadence

__all__ = ["Arrival", "LatestFrame"]

_CHECK_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A decoded frame, not yet converted.

    Attributes:
        time: wall time of arrival, aware UTC.
        at_s: the same on a clock that is never set back, seconds.
    """

    decoded: Decoded
    time: datetime
    at_s: float


class LatestFrame:
    """Holds one frame, never a queue: one that was not fetched in time gives way to the next."""

    def __init__(self, cadence: Cadence) -> None:
        self._cadence = cadence
        self._arrival: Arrival | None = None
        self._since_s = 0.0
        self._closed = False
        self._changed = Condition()

    @property
    def missed(self) -> int:
        """Looks that were due and never fetched."""
        return self._cadence.missed

    def come_apart(self, step_s: float) -> None:
        """Frames will come about so many seconds apart, see `Cadence`."""
        with self._changed:
            self._cadence.step_s = step_s

    def is_due(self, at_s: float) -> bool:
        """Whether a frame of this moment would be taken in."""
        with self._changed:
            return self._cadence.is_due(at_s)

    def restart(self) -> None:
        """The next frame is due at once: the camera was away."""
        with self._changed:
            self._cadence.restart()

    def offer(self, arrival: Arrival) -> None:
        """Put a frame in if a look is due."""
        with self._changed:
            if self._cadence.is_due(arrival.at_s):
                if self._arrival is None:
                    self._since_s = arrival.at_s
                self._arrival = arrival
                self._changed.notify()

    def leave_out(self, at_s: float) -> bool:
        """Do without a look that is due at this moment, unless a frame waits for it already."""
        with self._changed:
            if self._arrival is None:
                self._cadence.take(at_s)
            return self._arrival is None

    def close(self) -> None:
        """No more frames will come; one that is there can still be fetched."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, stopped: Callable[[], bool]) -> float | None:
        """Wait for a frame; gives since when one has been here, None when closed or `stopped`."""
        with self._changed:
            while not stopped():
                if self._arrival is not None:
                    return self._since_s
                if self._closed:
                    return None
                self._changed.wait(_CHECK_S)
        return None

    def take(self) -> Arrival:
        """Take the frame out, the latest one by now; to be called after `wait` gave a time."""
        with self._changed:
            assert self._arrival is not None
            arrival, self._arrival = self._arrival, None
            self._cadence.take(arrival.at_s)
            return arrival
