"""Live streams: the latest frame when a look is due, for as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from functools import partial
from random import Random
from threading import Event

from cv.detect.backoff import Backoff
from cv.detect.camera_locks import unclaimed
from cv.detect.every_second import EverySecond
from cv.detect.keyframes import Decode
from cv.detect.latest import Arrival, LatestFrame
from cv.detect.line_state import LineLog, StreamState
from cv.detect.media_time import Cadence
from cv.detect.picture import Upright
from cv.detect.reader import Asked, Line, Reader
from cv.detect.recording import CHINA_TIME, check_every
from cv.detect.sources import Frame, Source, SourceKind
from cv.detect.turns import Turns
from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["Stream", "StreamState", "open_stream"]

_JITTER = 0.1  # of the distance between looks
_FAREWELL_S = 1.0
_UTC_NOW = partial(datetime.now, UTC)


def open_stream(
    source: Source | SourceUrl,
    *,
    every_s: float | None,
    decode: Decode = Decode.AUTO,
    turns: Turns | None = None,
    stop: Event | None = None,
    clock: Callable[[], datetime] = _UTC_NOW,
    timer: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] | None = None,
    rng: Random | None = None,
    start: datetime | None = None,
    tz: tzinfo = CHINA_TIME,
    claim: Callable[[], None] = unclaimed,
) -> Stream:
    """Begin to read a stream, in a thread of its own; that it answers is not awaited.

    Args:
        every_s: seconds between looks; None looks at every frame that can be kept up with.
        decode: which frames.
        turns: when this one may be looked at, beside others.
        stop: ends everything when set.
        clock: wall time, aware UTC.
        timer: seconds on a clock that is never set back.
        pause: waits some seconds between attempts; the default ends early when stopped.
        rng: spreads the attempts of many cameras.
        start, tz: for a recording behind an address, see `Stream.__iter__` and `open_recording`.
        claim: raises SourceError while somebody else watches the camera: it is tried again, like
            one that does not answer. A recording behind an address is watched all the same.

    Raises:
        SourceError: the source is not an address, or `every_s` is not more than 0.
    """
    if isinstance(source, SourceUrl):
        source = Source(SourceKind.STREAM, source)
    if not isinstance(source.uri, SourceUrl):
        raise SourceError(f"{source.name}: no stream but a file")
    check_every(every_s)
    asked = Asked(source, source.uri, every_s, clock, timer, start, tz, claim)
    line = Line(
        slot=LatestFrame(Cadence(every_s, early_s=_JITTER * (every_s or 0.0))),
        log=LineLog(source.name, timer),
        backoff=Backoff(rng or Random()),  # noqa: S311  no secret depends on it
        pause=pause,
        decode=decode,
        every_second=EverySecond(every_s),
    )
    return Stream(asked, line, turns or Turns(1), stop or Event())


class Stream:
    """A stream that is being read: iterate once over its looks, then close it (or use `with`).

    Attributes:
        stats: counts, kept up to date.
        name: the address without its secrets.
        duration_s: None, unless the address turned out to be a recording's.
    """

    def __init__(self, asked: Asked, line: Line, turns: Turns, stop: Event) -> None:
        self.name = asked.source.name
        self.stats = asked.source.stats
        self._asked = asked
        self._line = line
        self._turns = turns
        self._stop = stop
        self._closed = Event()
        self._upright = Upright()
        self._first_s: float | None = None
        self._stuck: Reader | None = None
        self._reader = Reader(asked, line, self._stop, self._closed)

    @property
    def state(self) -> StreamState:
        return self._line.log.state

    @property
    def duration_s(self) -> float | None:
        return self._asked.source.duration_s

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; harmless when repeated.

        A reader that is stuck in a call to a dead camera is left to its time-out (10 to 30 s); it
        gives nothing out any more and does not keep the process from ending.
        """
        self._closed.set()
        self._reader.join(_FAREWELL_S)
        if self._reader.recording and not self._reader.is_alive:
            self._reader.recording.close()

    def __iter__(self) -> Iterator[Frame]:
        """The latest frame whenever a look is due, until stopped; never an old or made-up one.

        Looks are `every_s` apart on average, at least 0.4 of it. An http(s) address that has a
        known length is a recording: it gives looks by media time as `open_recording` does, and
        ends.
        """
        slot, timer, every_s = self._line.slot, self._asked.timer, self._asked.every_s
        due_s: float | None = None
        while (since_s := slot.wait(self._is_over_or_goes_on)) is not None:
            # By what it asked for, not by when its frame came: so overload is shared evenly.
            with self._turns.take(since_s if due_s is None else due_s):
                due_s = timer() + (every_s or 0.0)
                self._line.every_second.begin_look()
                frame = self._look(slot.take())
                if frame:
                    self.stats.looks += 1
                    self.stats.missed = slot.missed
                    yield frame
                    self.stats.late += every_s is not None and timer() - since_s > every_s
            del frame  # or its picture stays in memory until the next one comes
        if self._reader.bug:
            raise self._reader.bug
        if self._reader.recording and not self._is_over():
            for frame in self._reader.recording:
                with self._turns.take(timer()):
                    yield frame
                if self._is_over():
                    break

    def looked(self, *, is_still: bool) -> None:
        """Tell what came of the latest look, so that every second one at a still view is spared.

        Args:
            is_still: nothing changed, and nothing waits for the next look.
        """
        self._line.every_second.end_look(is_still=is_still)

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._stop.is_set()

    def _is_over_or_goes_on(self) -> bool:
        """As `_is_over`; a reader that is stuck makes way for another.

        For one more, not for many: each keeps a connection, which the camera would have to serve.
        """
        problem = None if self._is_over() else self._reader.stuck()
        if problem:
            if self._stuck and self._stuck.is_alive:
                self._reader.wait_for(problem)
            elif self._reader.leave():
                self._stuck = self._reader
                self._reader = Reader(self._asked, self._line, self._stop, self._closed, problem)
        return self._is_over()

    def _look(self, arrival: Arrival) -> Frame | None:
        picture = self._upright.picture(arrival.decoded.picture)
        if picture is None:
            self.stats.corrupt += 1
            return None
        if self._first_s is None:
            self._first_s = arrival.at_s
        media_s = arrival.at_s - self._first_s
        return Frame(picture, arrival.time, media_s, arrival.decoded.index, is_live=True)
