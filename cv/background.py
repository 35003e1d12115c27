"""Work beside that of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["in_background"]


@contextmanager
def in_background(work: Callable[[threading.Event], None], name: str) -> Iterator[None]:
    """Do it in a thread of its own meanwhile; at the end its event is set and its end awaited."""
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(stop,), name=name)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
