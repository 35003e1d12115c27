"""A camera whose encoder stops while its reports go on, between a real one and who watches it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_REPORTS = 1
"""Interleaved channel of RTCP, as FFmpeg asks for it; 0 is that of the pictures."""
_EVERY_S = 0.2


class ReportingCamera:
    """Passes on what a camera sends, until `stall`.

    Attributes:
        connections: made so far.
    """

    def __init__(self, port: int) -> None:
        self._camera = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"
        self.connections = 0
        self._ended = threading.Event()
        self._stalled: set[int] = set()
        self._stalls_from_now_on = False
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self, *, later_ones: bool) -> None:
        """Send nothing but reports any more; of later connections those too, after a second."""
        self._stalled |= set(range(self.connections))
        self._stalls_from_now_on = later_ones

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                camera = socket.create_connection(("127.0.0.1", self._camera))
                number, self.connections = self.connections, self.connections + 1
                threading.Thread(target=_pass_on, args=(client, camera), daemon=True).start()
                threading.Thread(
                    target=self._send, args=(camera, client, number), daemon=True
                ).start()
                if self._stalls_from_now_on:
                    threading.Timer(1.0, self._stalled.add, (number,)).start()

    def _send(self, camera: socket.socket, client: socket.socket, number: int) -> None:
        with suppress(OSError), camera, client, camera.makefile("rb") as sent:
            while first := sent.read(1):
                if first != b"$":  # an answer
                    client.sendall(first + sent.readline())
                    continue
                head = sent.read(3)
                body = sent.read(int.from_bytes(head[1:], "big"))
                if number in self._stalled:
                    self._report(client)
                client.sendall(first + head + body)

    def _report(self, client: socket.socket) -> None:
        """Empty sender reports, until the client has gone."""
        report = b"\x80\xc8\x00\x06" + bytes(24)
        message = b"$" + bytes([_REPORTS]) + len(report).to_bytes(2, "big") + report
        while not self._ended.wait(_EVERY_S):
            client.sendall(message)


def _pass_on(client: socket.socket, camera: socket.socket) -> None:
    with suppress(OSError):
        while asked := client.recv(4096):
            camera.sendall(asked)
        camera.shutdown(socket.SHUT_WR)


@contextmanager
def reporting_camera(port: int) -> Iterator[ReportingCamera]:
    """Of the RTSP server on this port of the loopback."""
    camera = ReportingCamera(port)
    try:
        yield camera
    finally:
        camera.close()
