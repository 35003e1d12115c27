"""Reads a live camera in a thread: connects, puts frames into a slot, connects again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from threading import Event, Lock, Thread
from time import monotonic

from cv.detect.backoff import Backoff
from cv.detect.damage import Decoded
from cv.detect.decoding import Video
from cv.detect.every_second import EverySecond
from cv.detect.keyframes import Decode
from cv.detect.latest import Arrival, LatestFrame
from cv.detect.line_state import LineLog, StreamState
from cv.detect.naps import Naps
from cv.detect.opening import READ_TIMEOUT_S, RefusedError
from cv.detect.pacer import Pacer
from cv.detect.recording import Recording
from cv.detect.sources import Source
from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["Asked", "Line", "Reader"]

_HEALTHY_S = 10.0
_DARK_S = 60.0
_STUCK = 2.0
"""Times the time-out of a read, after which it will not end by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of a stream, as of `open_stream`."""

    source: Source
    url: SourceUrl
    every_s: float | None
    clock: Callable[[], datetime]
    timer: Callable[[], float]
    start: datetime | None
    tz: tzinfo
    claim: Callable[[], None]


@dataclass(slots=True, eq=False)
class Line:
    """What goes on from one connection, and one reader, to the next.

    Attributes:
        slot: for frames.
        log: the state of the line.
        backoff: before the next attempt.
        pause: waits some seconds between attempts, or less if stopped.
        decode: which frames.
        hopeful: that key frames alone will do, until their distance is known.
        every_second: leaves looks out while the view is still.
    """

    slot: LatestFrame
    log: LineLog
    backoff: Backoff
    pause: Callable[[float], object] | None
    decode: Decode
    every_second: EverySecond
    hopeful: bool = True


class Reader:
    """Connects and reads until stopped, or until it is left.

    Args:
        stop, closed: either ends it.
        problem: why the reader before this one was left.

    Attributes:
        recording: what the address turned out to be, for the caller to read and to close.
        bug: which ended it.
    """

    def __init__(
        self,
        asked: Asked,
        line: Line,
        stop: Event,
        closed: Event,
        problem: SourceError | None = None,
    ) -> None:
        self.recording: Recording | None = None
        self.bug: Exception | None = None
        self._asked = asked
        self._line = line
        self._stop = stop
        self._closed = closed
        self._stats = asked.source.stats
        self._timer = asked.timer
        self._stuck_s = _STUCK * READ_TIMEOUT_S[asked.url.scheme]
        self._came_by_s: float | None = None
        self._left = False
        self._telling = Lock()
        self._thread = Thread(
            target=self._run, args=(problem,), name=f"read {asked.source.name}", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait for its end, but no longer."""
        self._thread.join(seconds)

    def stuck(self) -> SourceError | None:
        """What is wrong, if it hangs in a read.

        A camera whose encoder has stopped may go on with reports of it, and FFmpeg with reading
        them; a time-out for that would cost more than reading does (`cv.detect.opening`).
        """
        came_by_s = self._came_by_s
        if came_by_s is None or self._timer() - came_by_s <= self._stuck_s:
            return None
        return SourceError(f"{self._asked.source.name}: no picture for {self._stuck_s:.0f} s")

    def leave(self) -> bool:
        """Give it up where it is stuck: from then on it tells nobody anything.

        Returns:
            Whether it is given up; not if it goes on just now.
        """
        if not self._telling.acquire(blocking=False):
            return False
        self._left = self.stuck() is not None
        self._telling.release()
        return self._left

    def wait_for(self, problem: SourceError) -> None:
        """Say that it is stuck, but let it wait for the camera."""
        if self._telling.acquire(blocking=False):
            if self._line.log.state is StreamState.PLAYING:
                self._stats.failures += 1
                self._line.log.lost(problem)
                self._line.log.connecting()
            self._telling.release()

    # All below runs in its thread.

    def _is_over(self) -> bool:
        return self._left or self._closed.is_set() or self._stop.is_set()

    def _wait(self, seconds: float) -> None:
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and not self._closed.wait(min(left, 0.2)):
            if self._stop.is_set():
                return

    def _run(self, problem: SourceError | None) -> None:
        try:
            while not self._is_over():
                problem = problem or self._play()
                if problem is None or not self._lost(problem):
                    break
                problem = None
        except Exception as error:  # noqa: BLE001  raised where its looks are made: a bug has to show
            self.bug = error
        finally:
            with self._telling:
                if not self._left:
                    self._line.log.stopped()
                    self._line.slot.close()

    def _lost(self, problem: SourceError) -> bool:
        """Wait for the next attempt; whether to make it."""
        with self._telling:
            if self._is_over():
                return False
            self._stats.failures += 1
            self._line.log.lost(problem)
        backoff = self._line.backoff
        refused = isinstance(problem, RefusedError)
        pause = self._line.pause or self._wait
        pause(backoff.longest_s() if refused else backoff.next_s())
        self._stats.reconnects += not self._is_over()
        return True

    def _play(self) -> SourceError | None:
        """Connect and read; gives why it ended, or None when there is nothing more to read."""
        self._line.log.connecting()
        url, line = self._asked.url, self._line
        web = url.scheme in ("http", "https")  # which may be a recording's address
        try:
            if not web:
                self._asked.claim()
            every_s = self._asked.every_s
            video = Video(
                url, decode=line.decode, every_s=every_s, live=line.hopeful, attended=True
            )
        except SourceError as error:
            return error
        if web and video.duration_s is not None:
            self._hand_over(video)
            return None
        with video:
            try:
                self._asked.claim()
                self._read_frames(video)
            except SourceError as error:
                return error
            finally:
                self._came_by_s = None
                line.decode = video.decode  # what it found out holds for the next connection, too
        return SourceError(f"{self._asked.source.name}: the camera ended the stream")

    def _hand_over(self, video: Video) -> None:
        self._line.log.playing()
        self.recording = Recording(
            video,
            self._asked.source,
            every_s=self._asked.every_s,
            start=self._asked.start,
            tz=self._asked.tz,
            stats=self._stats,
        )
        self.recording.say_if_guessed()

    def _read_frames(self, video: Video) -> None:
        slot, timer = self._line.slot, self._timer
        began = latest = timer()
        slot.restart()
        self._line.every_second.restart()

        def must_end() -> bool:
            self._came_by_s = timer()
            return self._is_over() or self._came_by_s - latest > _DARK_S

        pacer = Pacer(timer, self._wait) if video.format == "hls" else None
        naps = Naps(timer, self._wait)

        def due(_stamp_s: float | None) -> float | None:
            nonlocal latest
            naps.saw_key_frame()
            slot.come_apart(video.spacing_s)
            now_s = timer()
            # Pieces come in a heap: which of their frames is due shows once they are spread.
            wanted = pacer is not None or self._wants(video, now_s)
            # One that is not decoded may be sound; one that is has to show it.
            latest = latest if wanted else now_s
            return now_s if wanted else None

        def rest() -> None:
            if pacer is None:
                naps.rest(video.keyframe_distance_s)

        must_end()
        for decoded in video.frames(self._stats, must_end, timer, due, rest):
            self._stats.keyframes_only = video.keyframes_only
            self._stats.keyframe_s = video.keyframe_distance_s
            age_s = timer() - decoded.at_s
            if pacer and decoded.stamp_s is not None:
                pacer.keep_pace(decoded.stamp_s)
                age_s = 0.0
            latest = timer()
            if latest - began > _HEALTHY_S:
                self._line.backoff.reset()
            slot.come_apart(video.spacing_s)
            if not self._offer(decoded, latest, age_s):
                return
            del decoded  # or its picture stays in memory until the next one comes
        if timer() - latest > _DARK_S:
            # Perhaps the next key frame is farther away than that: next time, all are decoded.
            self._line.hopeful = self._line.hopeful and video.keyframe_distance_s is not None
            name = self._asked.source.name
            raise SourceError(f"{name}: no sound picture for {_DARK_S:.0f} s")

    def _wants(self, video: Video, now_s: float) -> bool:
        """Whether a look is due, and is not left out because the view is still."""
        slot = self._line.slot
        if not slot.is_due(now_s):
            return False
        spared = self._line.every_second.spares(video.delta_bytes, now_s) and slot.leave_out(now_s)
        self._stats.spared += spared
        return not spared

    def _offer(self, decoded: Decoded, now_s: float, age_s: float) -> bool:
        """Put a frame into the slot, unless this reader has been left meanwhile."""
        with self._telling:
            if self._left:
                return False
            if self._line.log.state is not StreamState.PLAYING:
                self._line.log.playing()
            time = self._asked.clock() - timedelta(seconds=age_s)
            self._line.slot.offer(Arrival(decoded, time, now_s - age_s))
        return True
