"""Waiting for a server in another process."""

from __future__ import annotations

import socket
import subprocess
import time


def wait_for_port(port: int, process: subprocess.Popen[bytes], within_s: float = 20) -> None:
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
