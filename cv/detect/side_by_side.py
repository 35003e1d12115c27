"""A recording's looks: its frames are analysed on all processors at once, and come out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from cv.detect.detector import Detection
from cv.detect.frames import Frame
from cv.detect.glance import Watching
from cv.detect.look import Begun, Look
from cv.detect.picture import Picture
from cv.detect.turns import Turns

__all__ = ["side_by_side"]


def side_by_side(frames: Iterable[Frame], watch: Watching, turns: Turns) -> Iterator[Look]:
    """Looks at frames in their order.

    Raises:
        KerbwatchError: one could not be recorded; those before it were given.
    """

    def detect(picture: Picture) -> list[Detection]:
        with turns.take(monotonic()):
            return watch.detect(picture)

    begun: deque[Begun] = deque()
    done: deque[Look] = deque()

    def catch_up() -> None:
        while begun:
            done.append(watch.finish(begun.popleft()))

    with ThreadPoolExecutor(turns.places, thread_name_prefix="detect") as pool:
        for frame in frames:
            try:
                new = watch.begin(frame, lambda picture: pool.submit(detect, picture), catch_up)
            finally:  # if one cannot be recorded, those before it are still told of
                while done:
                    yield done.popleft()
            begun.append(new)
            if len(begun) > turns.places:
                yield watch.finish(begun.popleft())
        while begun:
            yield watch.finish(begun.popleft())
