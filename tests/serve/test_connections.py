"""Connections that hold on without asking for anything."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from serve.connections import TimedProtocol
from tests.listening import until

HEAD = b"GET /slow HTTP/1.1\r\nhost: x\r\n"


class Hasty(TimedProtocol):
    head_s = 0.6


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = FastAPI()

    @app.get("/slow")
    def slow() -> str:
        time.sleep(1.2)
        return "answered"

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=Hasty, log_level="warning", timeout_keep_alive=60)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def hung_up(connection: socket.socket, sent: bytes) -> bool:
    """Whether the server hangs up on who sends this byte by byte, ten bytes a second."""
    for byte in sent:
        try:
            connection.sendall(bytes([byte]))
            connection.settimeout(0.1)
            if connection.recv(100) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_who_sends_a_head_drop_by_drop_is_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert hung_up(connection, HEAD)


def test_who_says_nothing_is_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        assert connection.recv(100) == b""


def test_a_slow_answer_is_no_slow_request_and_the_next_head_is_timed_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(2):
            connection.settimeout(60)
            connection.sendall(HEAD + b"\r\n")
            answer = b""
            while b"answered" not in answer:
                read = connection.recv(1000)
                assert read, "hung up on while it waited for its answer"
                answer += read
            time.sleep(0.8)  # idle between two requests is keep-alive's business
        assert hung_up(connection, HEAD)
