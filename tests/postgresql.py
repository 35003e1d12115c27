"""PostgreSQL for tests: a real server in a temporary folder, on the loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cv.bench.rtsp import free_port

_numbers = itertools.count(1)
_USER, _PASSWORD = "kerbwatch", "pass-word-of-postgresql"


class PostgreSQL:
    """The server; `stop`, `kill` and `start` may be called again, its port and databases stay.

    It does not wait for the disk: its processes are killed here, the machine is not.
    """

    def __init__(self) -> None:
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="kw-pg-"))
        self.port = free_port()
        # It refuses to run as root: then it is its own user of Debian's package, or nobody.
        self._as: dict[str, Any] = {"cwd": self._folder}
        if os.getuid() == 0:
            user = next(u for u in ("postgres", "nobody") if _exists(u))
            self._as |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
            shutil.chown(self._folder, user)
        password = self._folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb", "--pgdata", "data", "--username", _USER, "--pwfile", "password",
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        settings = {
            "port": self.port,
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": "''",
            "shared_buffers": "'16MB'",
            "fsync": "off",
            "log_min_messages": "fatal",
        }
        with (self._folder / "data/postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **self._as,
            )
        for _ in range(2400):
            try:
                self._connected("postgres").close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    @property
    def running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """In order, but not waiting for who is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would: the server's processes have no time for a word."""
        assert self._process is not None
        children = _children(self._process.pid)
        self._end(signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Its processes do nothing, as on a disk that does not answer; the kernel still does.

        At most for 20 seconds, so that a test fails rather than hangs with it.
        """
        assert self._process is not None
        stopped = [self._process.pid, *_children(self._process.pid)]

        def send(number: signal.Signals) -> None:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):  # a worker that was done
                    os.kill(pid, number)

        end = threading.Timer(20, send, [signal.SIGCONT])
        send(signal.SIGSTOP)
        end.start()
        try:
            yield
        finally:
            end.cancel()
            send(signal.SIGCONT)

    def url(self, database: str = "postgres", password: str = _PASSWORD) -> str:
        return f"postgresql+psycopg://{_USER}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str | None = None) -> str:
        """A new database, empty or a copy; gives its name."""
        name = f"test_{next(_numbers)}"
        like = f' template "{template}"' if template else ""
        self.execute(f'create database "{name}"{like}')
        return name

    def drop(self, name: str) -> None:
        self.execute(f'drop database "{name}" with (force)')

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with self._connected(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _connected(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, password=_PASSWORD, dbname=database,
            autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._as)

    def _end(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def __enter__(self) -> PostgreSQL:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder)


def _programs() -> Path:
    """The newest PostgreSQL's; Debian keeps them out of the PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3])
    )
    program = shutil.which("initdb") or (found[-1] if found else None)
    if program is None:
        pytest.skip("no PostgreSQL: run scripts/install-test-tools")
    return Path(program).resolve().parent


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
