"""Slow bodies, long queues, full memory, and a server that is told to stop while it works."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from cv.bench.rtsp import free_port
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from serve.limits import Limits
from tests.listening import until
from tests.serve.conftest import jpeg
from tests.serve.test_service import Slow

COMMAND = str(Path(sys.executable).with_name("kerbwatch"))


def test_a_body_that_does_not_arrive_in_time_is_told_so(detector: Detector, site: Site) -> None:
    app = create_app(detector, site, limits=Limits(body_s=0.2))
    sent: list[dict[str, object]] = []
    first = iter([{"type": "http.request", "body": b"\xff\xd8", "more_body": True}])

    async def receive() -> dict[str, object]:
        for message in first:
            return message
        await asyncio.sleep(30)
        raise AssertionError("it was waited for")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/detect",
        "query_string": b"",
        "headers": [(b"content-type", b"image/jpeg"), (b"content-length", b"1000")],
        "client": ("10.0.0.1", 1),
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in list(sent[0]["headers"])  # type: ignore[call-overload]


def test_who_waits_too_long_for_a_worker_is_told_to_come_back(site: Site) -> None:
    slow = Slow()
    limits = Limits(workers=1, within_s=0.2)
    with TestClient(create_app(slow, site, limits=limits)) as client, ThreadPoolExecutor(1) as pool:
        slow.go.clear()
        begun = pool.submit(client.post, "/v1/detect", content=jpeg())
        until(lambda: "pictures_in_work 1.0" in client.get("/metrics").text)
        late = client.post("/v1/detect", content=jpeg())
        assert late.status_code == 503
        assert int(late.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        slow.go.set()
        assert begun.result().status_code == 200
        assert client.post("/v1/detect", content=jpeg()).status_code == 200


def test_a_report_does_not_wait_again_behind_those_who_came_after_it(site: Site) -> None:
    slow = Slow()
    answered: list[str] = []
    app = create_app(slow, site, limits=Limits(workers=1, within_s=60))
    with TestClient(app) as client, ThreadPoolExecutor(4) as pool:

        def post(path: str, **sent: Any) -> None:
            assert client.post(path, **sent).status_code == 200
            answered.append(path)

        slow.go.clear()
        report = {"files": [("image", ("p.jpg", jpeg(), "image/jpeg"))]}
        begun = [pool.submit(post, "/v1/photos", **report)]
        until(lambda: "pictures_in_work 1.0" in client.get("/metrics").text)
        begun += [pool.submit(post, "/v1/detect", content=jpeg()) for _ in range(3)]
        until(lambda: "pictures_in_work 4.0" in client.get("/metrics").text)
        slow.go.set()
        for one in begun:
            one.result()
    assert answered[0] == "/v1/photos"


def test_bodies_that_fill_the_memory_are_refused_until_others_are_done(site: Site) -> None:
    slow = Slow()
    picture = jpeg()
    limits = Limits(workers=1, held_bytes=len(picture) * 3 // 2)
    with TestClient(create_app(slow, site, limits=limits)) as client, ThreadPoolExecutor(1) as pool:
        slow.go.clear()
        begun = pool.submit(client.post, "/v1/detect", content=picture)
        until(lambda: "pictures_in_work 1.0" in client.get("/metrics").text)
        refused = client.post("/v1/detect", content=picture)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/v1/labels").status_code == 200
        slow.go.set()
        assert begun.result().status_code == 200
        assert client.post("/v1/detect", content=picture).status_code == 200


@pytest.mark.slow
def test_told_to_stop_the_server_answers_what_it_accepted(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [
            COMMAND,
            "serve",
            "--port",
            str(port),
            "--workers",
            "1",
            "--threads",
            "1",
            "--within",
            "60",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    picture = jpeg(4000, 3000)
    with httpx2.Client(base_url=address, timeout=30) as client:

        def is_ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx2.TransportError:
                return False

        until(is_ready)
        statuses: list[int] = []

        def post() -> None:
            answer = httpx2.post(f"{address}/v1/detect", content=picture, timeout=300)
            statuses.append(answer.status_code)

        clients = [threading.Thread(target=post) for _ in range(10)]
        for thread in clients:
            thread.start()

        def waiting() -> bool:
            # In this order: what ends in between is missed, not counted twice.
            answered = len(statuses)
            line = client.get("/metrics").text.partition("\nkerbwatch_pictures_in_work ")[2]
            return float(line.split()[0]) + answered == len(clients)

        until(waiting)
        assert len(statuses) < len(clients), "some still wait"
        process.send_signal(signal.SIGTERM)
        for thread in clients:
            thread.join()
    errors = process.communicate(timeout=120)[1]
    assert statuses == [200] * len(clients)
    assert process.returncode == 0
    assert "Traceback" not in errors
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
