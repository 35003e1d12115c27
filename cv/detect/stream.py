"""Live streams: the latest frame when a look is due, for as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from random import Random
from threading import Event, Thread

from cv.detect.backoff import Backoff
from cv.detect.camera_locks import unclaimed
from cv.detect.decoding import Video
from cv.detect.keyframes import Decode
from cv.detect.latest import Arrival, LatestFrame
from cv.detect.line_state import LineLog, StreamState
from cv.detect.media_time import Cadence
from cv.detect.naps import Naps
from cv.detect.opening import RefusedError
from cv.detect.pacer import Pacer
from cv.detect.picture import Upright
from cv.detect.recording import CHINA_TIME, Recording, check_every
from cv.detect.sources import Frame, Source, SourceKind
from cv.detect.turns import Turns
from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["Stream", "StreamState", "open_stream"]

_JITTER = 0.1  # of the distance between looks
_HEALTHY_S = 10.0
_DARK_S = 60.0
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
    return Stream(
        source,
        source.uri,
        every_s=every_s,
        decode=decode,
        turns=turns or Turns(1),
        stop=stop or Event(),
        clock=clock,
        timer=timer,
        pause=pause,
        backoff=Backoff(rng or Random()),  # noqa: S311  no secret depends on it
        start=start,
        tz=tz,
        claim=claim,
    )


class Stream:
    """A stream that is being read: iterate once over its looks, then close it (or use `with`).

    Attributes:
        stats: counts, kept up to date.
        name: the address without its secrets.
        duration_s: None, unless the address turned out to be a recording's.
    """

    def __init__(
        self,
        source: Source,
        url: SourceUrl,
        *,
        every_s: float | None,
        decode: Decode,
        turns: Turns,
        stop: Event,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
        pause: Callable[[float], object] | None,
        backoff: Backoff,
        start: datetime | None,
        tz: tzinfo,
        claim: Callable[[], None],
    ) -> None:
        self.name = source.name
        self.stats = source.stats
        self._source = source
        self._url = url
        self._every_s = every_s
        self._decode = decode
        self._turns = turns
        self._stop = stop
        self._closed = Event()
        self._clock = clock
        self._timer = timer
        self._pause = pause or self._wait
        self._backoff = backoff
        self._start = start
        self._tz = tz
        self._claim = claim
        self._slot = LatestFrame(Cadence(every_s, early_s=_JITTER * (every_s or 0.0)))
        self._upright = Upright()
        self._line = LineLog(self.name, timer)
        self._recording: Recording | None = None
        self._first_s: float | None = None
        self._bug: Exception | None = None
        self._hopeful = True  # that key frames alone will do, until their distance is known
        self._reader = Thread(target=self._read, name=f"read {self.name}", daemon=True)
        self._reader.start()

    @property
    def state(self) -> StreamState:
        return self._line.state

    @property
    def duration_s(self) -> float | None:
        return self._source.duration_s

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
        if self._recording and not self._reader.is_alive():
            self._recording.close()

    def __iter__(self) -> Iterator[Frame]:
        """The latest frame whenever a look is due, until stopped; never an old or made-up one.

        Looks are `every_s` apart on average, at least 0.4 of it. An http(s) address that has a
        known length is a recording: it gives looks by media time as `open_recording` does, and
        ends.
        """
        due_s: float | None = None
        while (since_s := self._slot.wait(self._is_over)) is not None:
            # By what it asked for, not by when its frame came: so overload is shared evenly.
            with self._turns.take(since_s if due_s is None else due_s):
                due_s = self._timer() + (self._every_s or 0.0)
                frame = self._look(self._slot.take())
                if frame:
                    self.stats.looks += 1
                    self.stats.missed = self._slot.missed
                    yield frame
                    late_s = self._timer() - since_s
                    self.stats.late += self._every_s is not None and late_s > self._every_s
        if self._bug:
            raise self._bug
        if self._recording and not self._is_over():
            for frame in self._recording:
                with self._turns.take(self._timer()):
                    yield frame
                if self._is_over():
                    break

    def _look(self, arrival: Arrival) -> Frame | None:
        picture = self._upright.picture(arrival.decoded.picture)
        if picture is None:
            self.stats.corrupt += 1
            return None
        if self._first_s is None:
            self._first_s = arrival.at_s
        media_s = arrival.at_s - self._first_s
        return Frame(picture, arrival.time, media_s, arrival.decoded.index, is_live=True)

    # All below runs in the reader's thread.

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._stop.is_set()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._closed.wait(min(left, 0.2)):
            if self._stop.is_set():
                return

    def _read(self) -> None:
        try:
            while not self._is_over():
                problem = self._play()
                if problem is None or self._is_over():
                    break
                self.stats.failures += 1
                self._line.lost(problem)
                refused = isinstance(problem, RefusedError)
                self._pause(self._backoff.longest_s() if refused else self._backoff.next_s())
                self.stats.reconnects += not self._is_over()
        except Exception as error:  # noqa: BLE001  raised where its looks are made: a bug has to show
            self._bug = error
        finally:
            self._line.stopped()
            self._slot.close()

    def _play(self) -> SourceError | None:
        """Connect and read; gives why it ended, or None when there is nothing more to read."""
        self._line.connecting()
        web = self._url.scheme in ("http", "https")  # which may be a recording's address
        try:
            if not web:
                self._claim()
            video = Video(self._url, decode=self._decode, every_s=self._every_s, live=self._hopeful)
        except SourceError as error:
            return error
        if web and video.duration_s is not None:
            self._hand_over(video)
            return None
        with video:
            try:
                self._claim()
                self._read_frames(video)
            except SourceError as error:
                return error
            finally:
                self._decode = video.decode  # what it found out holds for the next connection, too
        return SourceError(f"{self.name}: the camera ended the stream")

    def _hand_over(self, video: Video) -> None:
        self._line.playing()
        self._recording = Recording(
            video,
            self._source,
            every_s=self._every_s,
            start=self._start,
            tz=self._tz,
            stats=self.stats,
        )
        self._recording.say_if_guessed()

    def _read_frames(self, video: Video) -> None:
        began = latest = self._timer()
        self._slot.restart()

        def must_end() -> bool:
            return self._is_over() or self._timer() - latest > _DARK_S

        pacer = Pacer(self._timer, self._wait) if video.format == "hls" else None
        naps = Naps(self._timer, self._wait)

        def due(_stamp_s: float | None) -> bool:
            nonlocal latest
            naps.saw_key_frame()
            self._slot.come_apart(video.spacing_s)
            # Pieces come in a heap: which of their frames is due shows once they are spread.
            wanted = pacer is not None or self._slot.is_due(self._timer())
            # One that is not decoded may be sound; one that is has to show it.
            latest = latest if wanted else self._timer()
            return wanted

        def rest() -> None:
            if pacer is None:
                naps.rest(video.keyframe_distance_s)

        for decoded in video.frames(self.stats, must_end, self._timer, due, rest):
            self.stats.keyframes_only = video.keyframes_only
            self.stats.keyframe_s = video.keyframe_distance_s
            self._slot.come_apart(video.spacing_s)
            age_s = self._timer() - decoded.at_s
            if pacer and decoded.stamp_s is not None:
                pacer.keep_pace(decoded.stamp_s)
                age_s = 0.0
            latest = self._timer()
            if self.state is not StreamState.PLAYING:
                self._line.playing()
            if latest - began > _HEALTHY_S:
                self._backoff.reset()
            time = self._clock() - timedelta(seconds=age_s)
            self._slot.offer(Arrival(decoded, time, latest - age_s))
        if self._timer() - latest > _DARK_S:
            # Perhaps the next key frame is farther away than that: next time, all are decoded.
            self._hopeful = self._hopeful and video.keyframe_distance_s is not None
            raise SourceError(f"{self.name}: no sound picture for {_DARK_S:.0f} s")
