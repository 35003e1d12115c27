"""Helpers of the tests of streams."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from cv.bench.rtsp import why_no_rtsp_server
from cv.detect.frames import (
    Frame,
    SourceUrl,
    Stream,
    open_stream,
)

SECRET = "Hush4711"
NO_RTSP = why_no_rtsp_server()
needs_rtsp = pytest.mark.skipif(NO_RTSP is not None, reason=f"no RTSP server: {NO_RTSP}")


class Pauses:
    """Stands in for waiting between attempts: notes how long, and stops after some."""

    def __init__(self, stop: threading.Event, most: int) -> None:
        self.seconds: list[float] = []
        self._stop = stop
        self._most = most

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._most:
            self._stop.set()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def url_with_secret(url: str) -> SourceUrl:
    return SourceUrl(url.replace("://", f"://admin:{SECRET}@"))


def reading(url: str, stop: threading.Event, **options: Any) -> Stream:
    return open_stream(SourceUrl(url), stop=stop, **{"every_s": None, **options})


def take(stream: Stream, count: int) -> list[Frame]:
    return list(islice(stream, count))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
