"""Patrols: many cameras in turn, a look each, instead of staying connected to all of them.

A connection costs a stream's whole data rate and a thread; a visit costs one key frame. So a patrol
reaches thousands of cameras, at minutes per round.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush

from cv.detect.camera_locks import unclaimed
from cv.detect.decoding import Video
from cv.detect.frames import Frame, Source
from cv.detect.keyframes import Decode
from cv.detect.line_state import LineLog, StreamState
from cv.detect.picture import Upright
from cv.detect.turns import Turns
from cv.errors import SourceError

__all__ = ["Beat", "Patrol", "glimpse"]

log = logging.getLogger(__name__)

_USUAL_S = 5.0
"""A visit: to connect, and to wait for a key frame."""
_LONGEST_S = 30.0
_RESERVE = 2.0
_MOST_AT_ONCE = 64
_CHECK_S = 0.2


@dataclass(slots=True, eq=False)
class Beat:
    """A camera of a patrol.

    Attributes:
        every_s: seconds between visits; None is as often as possible.
        look: what is done with each frame.
        claim: raises SourceError while somebody else watches the camera: it is not visited then.
    """

    source: Source
    every_s: float | None
    look: Callable[[Frame], None]
    claim: Callable[[], None] = unclaimed
    line: LineLog = field(init=False)
    first_s: float | None = None

    def __post_init__(self) -> None:
        self.line = LineLog(self.source.name, time.monotonic)


def glimpse(source: Source, stopped: Callable[[], bool] = lambda: False) -> Frame | None:
    """Connect, take one key frame, leave; None if `stopped` in between.

    Raises:
        SourceError: the camera does not answer, or sends no key frame within half a minute.
    """
    end = time.monotonic() + _LONGEST_S

    def over() -> bool:
        return stopped() or time.monotonic() > end

    # AUTO, for a camera without key frames that decode by themselves; any distance will do.
    with Video(source.uri, decode=Decode.AUTO, every_s=_LONGEST_S, live=True) as video:
        for decoded in video.frames(source.stats, over):
            picture = Upright().picture(decoded.picture)
            if picture is not None:
                return Frame(picture, datetime.now(UTC), 0.0, 0, is_live=True)
            source.stats.corrupt += 1
    if stopped():
        return None
    raise SourceError(f"{source.name}: sent no key frame in {_LONGEST_S:.0f} s")


class Patrol:
    """Rounds over cameras; a dead one costs its time-out and nothing else.

    Args:
        turns: when a frame may be analysed.
        stop: ends the rounds.
    """

    def __init__(self, turns: Turns, stop: threading.Event) -> None:
        self._turns = turns
        self._stop = stop
        self._due: list[tuple[float, int]] = []
        self._lock = threading.Lock()

    def run(self, beats: Sequence[Beat]) -> None:
        """Visit all of them again and again until stopped; the first round begins at once."""
        began = time.monotonic()
        self._due = [(began, number) for number in range(len(beats))]
        heapify(self._due)
        at_once = _at_once(beats)
        log.info("patrol of %d cameras, %d at once", len(beats), at_once)
        with ThreadPoolExecutor(at_once, thread_name_prefix="patrol") as pool:
            for walk in [pool.submit(self._walk, beats) for _ in range(at_once)]:
                walk.result()

    def _walk(self, beats: Sequence[Beat]) -> None:
        while not self._stop.is_set():
            with self._lock:
                due = heappop(self._due) if self._due else None
            if due is None or (wait_s := due[0] - time.monotonic()) > 0:
                if due is not None:
                    with self._lock:
                        heappush(self._due, due)
                self._stop.wait(_CHECK_S if due is None else min(_CHECK_S, wait_s))
                continue
            due_s, number = due
            beat = beats[number]
            try:
                self._visit(beat, due_s)
            except BaseException:
                self._stop.set()  # a bug: end the other walks too, so that it shows
                raise
            every_s = beat.every_s or 0.0
            behind = max(0.0, time.monotonic() - due_s - every_s)
            skipped = math.ceil(behind / every_s) if every_s else 0
            beat.source.stats.missed += skipped
            with self._lock:
                heappush(self._due, (due_s + every_s * (1 + skipped), number))

    def _visit(self, beat: Beat, due_s: float) -> None:
        stats, line = beat.source.stats, beat.line
        if line.state is StreamState.WAITING:
            line.connecting()
        try:
            beat.claim()
            frame = glimpse(beat.source, self._stop.is_set)
        except SourceError as error:
            stats.failures += 1
            line.lost(error)
            return
        if frame is None:
            return
        if line.state is not StreamState.PLAYING:
            line.playing()
        now = time.monotonic()
        beat.first_s = now if beat.first_s is None else beat.first_s
        with self._turns.take(now):
            stats.looks += 1
            beat.look(replace(frame, media_s=now - beat.first_s, index=stats.looks - 1))
        stats.keyframes_only = True
        stats.late += beat.every_s is not None and time.monotonic() - due_s > beat.every_s


def _at_once(beats: Sequence[Beat]) -> int:
    """Visits side by side that make a round as short as asked, with a reserve for slow cameras."""
    needed = sum(_RESERVE * _USUAL_S / max(beat.every_s or 0.0, _USUAL_S) for beat in beats)
    return max(1, min(len(beats), _MOST_AT_ONCE, math.ceil(needed)))
