"""A network between kerbwatch and a receiver that loses what it is told to lose."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

__all__ = ["LossyProxy"]

Fate = Literal["pass", "lose answer", "hold"]


class LossyProxy:
    """Passes requests on to a receiver on the loopback, until `fate` says otherwise.

    Args:
        port: of the receiver.

    Attributes:
        fate: what happens to a request, by its method and path. `lose answer`: the receiver gets
            it, the connection closes without an answer. `hold`: the connection closes at once, and
            the receiver gets it all the same, but only at `let_go`.
        asked: method and path of all requests so far.
    """

    def __init__(self, port: int = 0) -> None:
        self.receiver_port = port
        self.fate: Callable[[str, str], Fate] = lambda _method, _path: "pass"
        self._release = threading.Event()
        self.asked: list[tuple[str, str]] = []
        self._held: list[threading.Thread] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                proxy._handle(self)

            do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def let_go(self) -> None:
        """Pass on what was held, and wait until the receiver has it."""
        self._release.set()
        for thread in self._held:
            thread.join()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        asked = (handler.command, handler.path)
        self.asked.append(asked)
        fate = self.fate(*asked)
        headers = dict(handler.headers.items())
        if fate == "hold":
            thread = threading.Thread(target=self._pass_late, args=(*asked, body, headers))
            self._held.append(thread)
            thread.start()
        answer = self._pass(*asked, body, headers) if fate != "hold" else None
        if answer is None or fate != "pass":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        status, received, content = answer
        handler.send_response(status)
        for name, value in received:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                handler.send_header(name, value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _pass_late(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        self._release.wait(60)
        self._pass(method, path, body, headers)

    def _pass(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.receiver_port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return None
        finally:
            connection.close()
