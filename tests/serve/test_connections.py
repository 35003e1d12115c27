"""Connections: who is behind one, and those that hold on without asking or taking anything."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from serve.connections import TimedProtocol
from serve.limits import address
from tests.listening import until

HEAD = b"GET /slow HTTP/1.1\r\nhost: x\r\n"
LARGE = 8_000_000
"""Bytes: more than the kernel keeps of an answer that nobody takes."""


class Hasty(TimedProtocol):
    head_s = 0.6
    answer_s = 1.5


@contextmanager
def running(host: str) -> Iterator[uvicorn.Server]:
    """On a port of its own; `/large` answers with `LARGE` bytes, `/client` with whom it sees."""
    app = FastAPI()

    @app.get("/large")
    def large() -> Response:
        return Response(b"x" * LARGE)

    @app.get("/client")
    def client(request: Request) -> str:
        return address(request)

    @app.get("/slow")
    def slow() -> str:
        time.sleep(1.2)
        return "answered"

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        config = uvicorn.Config(app, http=Hasty, log_level="warning", timeout_keep_alive=60)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield server
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[uvicorn.Server]:
    with running("127.0.0.1") as started:
        yield started


@pytest.fixture
def port(server: uvicorn.Server) -> int:
    return port_of(server)


def port_of(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


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


@pytest.mark.parametrize("kept", [b"keep-alive", b"close"])
def test_who_does_not_take_an_answer_is_hung_up_on(
    server: uvicorn.Server, port: int, kept: bytes
) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: " + kept + b"\r\n\r\n")
        until(lambda: bool(server.server_state.connections))
        until(lambda: not server.server_state.connections, within_s=20)


def test_an_answer_that_is_taken_may_be_as_large_as_any(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(2):
            connection.settimeout(60)
            connection.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            taken = 0
            while taken < LARGE:
                read = connection.recv(1_000_000)
                assert read, "hung up on while it took its answer"
                taken += len(read)
            time.sleep(Hasty.answer_s * 1.2)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
def test_an_ipv4_client_is_the_same_where_ipv6_is_listened_to_as_well() -> None:
    """And so is a proxy, whose word for who is behind it counts."""
    with running("::") as server:
        asked = f"http://127.0.0.1:{port_of(server)}/client"
        assert httpx2.get(asked).json() == "127.0.0.1"
        behind = {"x-forwarded-for": "203.0.113.9"}
        assert httpx2.get(asked, headers=behind).json() == "203.0.113.9"
