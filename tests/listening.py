"""Waiting for what another thread or process does."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable


def until(happened: Callable[[], bool], within_s: float = 120) -> None:
    """Returns once it has happened; fails if it does not, which only guards against hanging."""
    end = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < end, f"it did not happen in {within_s:.0f} s"
        time.sleep(0.05)


def wait_for_port(port: int, process: subprocess.Popen[bytes], within_s: float = 120) -> None:
    """Returns once the process listens there, on the loopback.

    Raises:
        RuntimeError: it has ended instead, or does not in time; then it is killed.
    """
    deadline = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"{process.args!r} did not start to listen at port {port}")
