"""A city's case system for tests: a real HTTP receiver that verifies, remembers and misbehaves.

    python webhook_receiver.py --port P --log file.jsonl --secret whsec_... [--fail 500,drop,...]

Each request is checked with the `standardwebhooks` and `cloudevents` packages. What is taken is
appended to the log, once per webhook-id (a second copy is answered 200 and counted as a repeat).
The first requests fail as `--fail` says, one word each:

    500, 429, 302 ... answered so, not taken (429 with Retry-After: 600)
    drop              the connection is closed without an answer, not taken
    trickle           not taken, and an answer that never comes to its end, byte by byte
    late              taken, but answered only after the sender's time-out
    lost              taken, then the connection is closed without an answer
    cut               taken, and the answer's body breaks off
    big, plain        taken, and the answer's body is a megabyte, or no JSON
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

from cv.bench.rtsp import free_port

LATE_S = 4.0


class Receiver:
    """Verifies and remembers; thread-safe."""

    def __init__(self, log: Path, secret: str, failures: list[str]) -> None:
        self._log = log
        self._webhook = Webhook(secret)
        self._failures = failures
        self._lock = threading.Lock()
        self._taken = {json.loads(line)["key"] for line in _lines(log)}

    def next_failure(self) -> str | None:
        with self._lock:
            return self._failures.pop(0) if self._failures else None

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Verify, and remember unless it is known; raises if anything is wrong."""
        self._webhook.verify(body, headers)
        event = from_structured_event(HTTPMessage(headers=headers, body=body), JSONFormat())
        key = headers["webhook-id"]
        assert headers["idempotency-key"] == key == event.get_id()
        data: Any = event.get_data()
        row = {
            "key": key,
            "type": event.get_type(),
            "subject": event.get_subject(),
            "source": event.get_source(),
            "repeat": key in self._taken,
            "case": data,
        }
        with self._lock:
            row["repeat"] = key in self._taken
            self._taken.add(key)
            with self._log.open("a") as log:
                log.write(json.dumps(row) + "\n")
                log.flush()
                os.fsync(log.fileno())


class Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        failure = self.receiver.next_failure()
        if failure is not None and failure.isdigit():
            self._answer(int(failure), b"not now")
        elif failure == "trickle":
            self._trickle()
        elif failure == "drop":
            self._hang_up()
        else:
            try:
                self.receiver.take(headers, body)
            except WebhookVerificationError:
                self._answer(401, b"not signed by you")
            else:
                self._taken(failure, headers["webhook-id"])

    def _taken(self, failure: str | None, key: str) -> None:
        number = json.dumps({"number": f"JZ-{key.split('.', maxsplit=1)[0][-6:]}"}).encode()
        if failure == "late":
            time.sleep(LATE_S)
        if failure in ("late", "lost"):
            self._hang_up()
        elif failure == "cut":
            self._answer(200, number, length=1000)
        elif failure == "big":
            self._answer(200, b'{"number": "' + b"1" * 1_000_000 + b'"}')
        elif failure == "plain":
            self._answer(200, b"thanks")
        else:
            self._answer(200, number)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _trickle(self) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 400:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, content: bytes, length: int | None = None) -> None:
        self.send_response(status)
        if status == 429:
            self.send_header("retry-after", "600")
        self.send_header("content-length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


class WebhookReceiver:
    """The receiver in a process of its own: `with WebhookReceiver(folder) as receiver: ...`."""

    SECRET = "whsec_a2VyYndhdGNoLXRlc3Qtc2VjcmV0LTAxMjM0NTY3ODk="

    def __init__(self, folder: Path, *failures: str, secret: str = SECRET) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/cases"
        self.log = folder / "received.jsonl"
        self._failures = failures
        self._secret = secret
        self._process: subprocess.Popen[str] | None = None

    @property
    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in _lines(self.log)]

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable, __file__, "--port", str(self.port), "--log", str(self.log),
                "--secret", self._secret, "--fail", ",".join(self._failures),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> WebhookReceiver:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--fail", default="")
    arguments = parser.parse_args()
    failures = [word for word in arguments.fail.split(",") if word]
    Handler.receiver = Receiver(arguments.log, arguments.secret, failures)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
