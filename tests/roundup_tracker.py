"""A city's case system for tests: a real Roundup tracker, of its `classic` template.

    python -m tests.roundup_tracker <home> <port>

`RoundupTracker(folder)` sets one up and serves it in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from cv.bench.rtsp import free_port
from tests.listening import wait_for_port

USER, PASSWORD = "kerbwatch", "pass-word-of-kerbwatch"


class RoundupTracker:
    """A tracker on the loopback; `stop` and `start` may be called again, its address stays.

    Args:
        folder: where its database lies; it is set up there unless it is there.
        web: the address that its users know, if it is not its own.
    """

    def __init__(self, folder: Path, web: str | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._home = folder / "tracker"
        if not self._home.exists():
            install(self._home)
        config = self._home / "config.ini"
        lines = config.read_text().splitlines()
        self.web = web or self.url
        named = [f"web = {self.web}" if line.startswith("web = ") else line for line in lines]
        config.write_text("\n".join(named) + "\n")
        self._origin = self.web.rstrip("/")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.roundup_tracker", str(self._home), str(self.port)],
            cwd=Path(__file__).resolve().parents[1],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port, self._process)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def items(self, kind: str, **wanted: str) -> list[dict[str, Any]]:
        """The attributes of all items of a class."""
        params = {"@verbose": "0", **wanted}
        found = self._get(kind, params)["collection"]
        return [self._get(f"{kind}/{row['id']}", {"@verbose": "3"})["attributes"] for row in found]

    def content(self, file: str) -> bytes:
        answer = self._ask("GET", f"file/{file}/binary_content")
        return answer.content

    def add_message(self, name: str) -> str:
        """A message of this `messageid`, which is of no issue yet; gives its number."""
        made = self._ask("POST", "msg", json={"content": name, "messageid": name}).json()
        return str(made["data"]["id"])

    def set_status(self, issue: str, status: str) -> None:
        """As a person at the desk does."""
        etag = self._ask("GET", f"issue/{issue}").headers["etag"]
        self._ask("PUT", f"issue/{issue}", json={"status": status}, headers={"if-match": etag})

    def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        data: dict[str, Any] = self._ask("GET", path, params=params).json()["data"]
        return data

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx2.Response:
        answer = httpx2.request(
            method, f"{self.url}rest/data/{path}", auth=("admin", "admin-password"), timeout=20,
            headers={
                "x-requested-with": "rest", "origin": self._origin,
                "referer": f"{self._origin}/", "host": self._origin.partition("//")[2],
                **(headers or {}),
            },
            **request,
        )  # fmt: skip
        assert answer.is_success, answer.text
        return answer

    def __enter__(self) -> RoundupTracker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def install(home: Path) -> None:
    """Set a tracker up, with a user for kerbwatch."""
    # Few rounds of hashing: each request checks a password, which takes 0.5 s by default.
    options = (
        "mail_domain=city.example,mail_host=localhost,tracker_web=http://127.0.0.1/,"
        "password_pbkdf2_default_rounds=1000"
    )
    for words in (
        ["install", "classic", "sqlite", options],
        ["initialise", "admin-password"],
        [
            "-u", "admin", "create", "user", f"username={USER}", f"password={PASSWORD}",
            "address=kerbwatch@city.example", "roles=User",
        ],
    ):  # fmt: skip
        admin = Path(sys.executable).with_name("roundup-admin")
        subprocess.run([admin, "-i", home, *words], check=True, capture_output=True)


def main() -> None:
    """Serve over WSGI, threaded: `roundup-server` refuses to run as root, tests may have to."""
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    from roundup.cgi.wsgi_handler import RequestDispatcher

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    application = RequestDispatcher(sys.argv[1])
    make_server("127.0.0.1", int(sys.argv[2]), application, Server).serve_forever()


if __name__ == "__main__":
    main()
