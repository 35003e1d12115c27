"""Start and stop the RTSP cameras of rtsp_server.py: `with RtspServer(clip) as server: ...`."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

_SCRIPT = Path(__file__).with_name("rtsp_server.py")
_PYTHON = "/usr/bin/python3"

__all__ = ["RtspServer", "free_port", "why_no_rtsp_server"]


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def why_no_rtsp_server() -> str | None:
    """What is missing to run the server, or None."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    try:
        done = subprocess.run([_PYTHON, "-c", check], capture_output=True, check=False, timeout=60)
    except OSError:
        return f"no {_PYTHON}"
    return None if done.returncode == 0 else "run scripts/install-test-tools"


class RtspServer:
    """A camera on the loopback that plays a clip's H.264 in real time, from its start per client.

    `stop` and `start` may be called again; the port, and so the address, stays.

    Args:
        loop: go round at the clip's end; otherwise the stream ends there.
        user: ask for this user and `password`.
        port: where to listen; a free one by default.
        phases: so many mounts that loop from another place each, shared by their clients, instead
            of one that begins anew for each client.
    """

    def __init__(
        self,
        clip: Path,
        *,
        loop: bool = False,
        user: str | None = None,
        password: str = "",
        port: int | None = None,
        phases: int = 0,
    ) -> None:
        self.port = port or free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"
        self._command = [_PYTHON, str(_SCRIPT), "--port", str(self.port), "--file", str(clip)]
        if loop:
            self._command.append("--loop")
        if phases:
            self._command += ["--phases", str(phases)]
        if user:
            self._command += ["--user", user, "--password", password]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start serving; returns when clients can connect."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            self.stop()
            raise RuntimeError("the RTSP server did not start; its message is on stderr")

    def stop(self) -> None:
        """Break all connections and end."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def freeze(self) -> None:
        """Keep the connections and say nothing any more, as a hung camera does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
