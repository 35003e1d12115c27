"""Web servers on the loopback: one for files, one camera that sends Motion JPEG."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2

from tests.detect.clips import numbered


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Files(_Quiet, SimpleHTTPRequestHandler):
    pass


class _MotionJpeg(_Quiet):
    """Ten pictures a second, the same one again and again if `still`; hangs up after `pictures`."""

    def __init__(self, pictures: int, still: bool, *arguments: object) -> None:
        self._pictures = pictures
        self._still = still
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for number in range(self._pictures):
                jpeg = cv2.imencode(".jpg", numbered(0 if self._still else number))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(0.1)
        except OSError:  # the viewer left
            pass


class _Content(_Quiet):
    """Sends something of which nobody knows how long it is, and hangs up; or, with `then`, goes on
    with that again and again.
    """

    def __init__(self, content: bytes, then: bytes, *arguments: object) -> None:
        self._content = content
        self._then = then
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        with suppress(OSError):  # the viewer left
            self.wfile.write(self._content)
            while self._then:
                self.wfile.write(self._then)
                time.sleep(0.05)


class _HalfFile(_Quiet):
    """Says how long a file is, and hangs up in its middle."""

    def __init__(self, content: bytes, *arguments: object) -> None:
        self._content = content
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self._content)))
        self.end_headers()
        with suppress(OSError):  # the viewer left
            self.wfile.write(self._content[: len(self._content) // 2])


class _Refusal(_Quiet):
    def do_GET(self) -> None:
        self.send_error(401)


@contextmanager
def _serving(handler: object) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]  # a partial
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def serving_files(folder: Path) -> AbstractContextManager[str]:
    """A web server for a folder; `with` gives its address."""
    return _serving(partial(_Files, directory=str(folder)))


def motion_jpeg_camera(
    *, pictures: int = sys.maxsize, still: bool = False
) -> AbstractContextManager[str]:
    """A camera that hangs up after some `numbered` pictures; `with` gives its address."""
    return _serving(partial(_MotionJpeg, pictures, still))


def transport_stream_camera(clip: Path) -> AbstractContextManager[str]:
    """A camera that sends a clip to each viewer, and hangs up; `with` gives its address."""
    return _serving(partial(_Content, clip.read_bytes(), b""))


def serving_half_of(file: Path) -> AbstractContextManager[str]:
    """A web server that hangs up in the middle of a file; `with` gives its address."""
    return _serving(partial(_HalfFile, file.read_bytes()))


def camera_that_goes_bad(content: bytes, then: bytes) -> AbstractContextManager[str]:
    """A camera that sends a transport stream, then another one again and again; `with` gives its
    address.
    """
    return _serving(partial(_Content, content, then))


def refusing_camera() -> AbstractContextManager[str]:
    """A camera that takes no password; `with` gives its address."""
    return _serving(_Refusal)
