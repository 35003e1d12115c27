"""Fair turns: more cameras than processors, and none of them waits longest twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count

__all__ = ["Turns"]


class Turns:
    """Lets so many work at once; of those who wait, whoever has waited longest comes next.

    So overload reaches all alike: every camera is looked at more seldom, none is left out.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._numbers = count()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, since_s: float) -> Iterator[None]:
        """Wait for a place, and have it while the block runs.

        Args:
            since_s: since when this work has been due, on the clock that all of them use.
        """
        called: threading.Event | None = None
        with self._lock:
            if self._free:
                self._free -= 1
            else:
                called = threading.Event()
                heappush(self._waiting, (since_s, next(self._numbers), called))
        if called:
            called.wait()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    heappop(self._waiting)[2].set()  # the place goes from hand to hand
                else:
                    self._free += 1
