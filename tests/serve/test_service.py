"""Probes, metrics, OpenAPI, evidence links, overload, and the real process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from cv.bench.rtsp import free_port
from cv.detect.detector import Detection, Detector
from cv.geometry import Image
from cv.site import Site
from serve.app import create_app
from serve.limits import Limits
from serve.problems import FormError, problem_of
from tests.listening import until
from tests.serve.conftest import jpeg

COMMAND = str(Path(sys.executable).with_name("kerbwatch"))


def test_probes_answer_and_metrics_count_requests_by_route(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json()["status"] == "ready"
    client.post("/v1/detect", content=jpeg())
    client.get("/v1/nothing/at/all")
    text = client.get("/metrics").text
    assert 'kerbwatch_requests_total{route="/v1/detect",status="200"}' in text
    assert 'route="none",status="404"' in text
    assert "kerbwatch_analysis_seconds_count" in text
    assert "kerbwatch_disk_room 0.0" in text
    assert float(text.partition("\nkerbwatch_disk_free_bytes ")[2].split()[0]) > 1e6


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/v1/labels", "/v1/cases", "/v1/photos/ph-0"]
)
def test_head_is_answered_as_get_without_the_body(client: TestClient, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    lasting = ("content-type", "etag") if path == "/metrics" else ("content-length", "etag")
    for name in lasting:
        assert head.headers.get(name) == whole.headers.get(name)
    assert int(head.headers["content-length"]) > 0
    assert client.head("/v1/detect").status_code == 405, "where there is no GET"


def test_who_asks_by_a_method_that_there_is_not_is_told_which_there_are(
    client: TestClient,
) -> None:
    for path, allowed in {
        "/v1/cases": "GET, HEAD",
        "/v1/detect": "POST",
        "/open311/v2/requests.json": "GET, HEAD, POST",
    }.items():
        answer = client.delete(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_not_ready_before_the_model_is_warm(detector: Detector, site: Site) -> None:
    answer = TestClient(create_app(detector, site)).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == 503


def test_every_route_and_error_is_documented_with_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path in ("/v1/detect", "/v1/photos"):
        operation = document["paths"][path]["post"]
        assert "multipart/form-data" in operation["requestBody"]["content"]
        for status in ("413", "415", "422", "503"):
            example = operation["responses"][status]["content"]["application/problem+json"]
            assert example["example"]["detail_zh"]
    assert set(document["paths"]) >= {"/healthz", "/readyz", "/metrics"}


def test_a_refusal_has_the_title_that_is_documented(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    shown = {
        (answer["content"]["application/problem+json"]["example"]["title"], int(status))
        for path in paths.values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if "application/problem+json" in answer.get("content", {})
    }
    assert {status for _, status in shown} >= {401, 403, 404, 410, 413, 415, 422, 429, 503}
    for title, status in shown:
        assert problem_of(FormError("", "", status)).title == title
    damaged = client.post("/v1/detect", content=jpeg()[:900])
    assert damaged.json()["title"] == "Unprocessable Content"
    assert client.post("/v1/detect", content=b"0" * 2_100_000).json()["title"] == (
        "Content Too Large"
    )


class Slow(Detector):
    """The real detector, held up until it is let go."""

    def __init__(self) -> None:
        super().__init__(backend="onnxruntime", threads=1)
        self.go = threading.Event()
        self.go.set()

    def detect(
        self, image: Image, *, min_score: float | None = None, ease: float = 1.0
    ) -> list[Detection]:
        assert self.go.wait(300)
        return super().detect(image, min_score=min_score, ease=ease)


def test_the_documentation_needs_no_other_server(client: TestClient) -> None:
    page = client.get("/docs").text
    parts = re.findall(r"""(?:src|href)="([^"]+)""", page)
    assert any(part.endswith(".js") for part in parts)
    assert any(part.endswith(".css") for part in parts)
    for part in parts:
        assert part.startswith("/"), "a city's network often has no way out"
        assert client.get(part).status_code == 200
    assert client.get("/redoc").status_code == 404


def test_overload_is_told_to_come_back_and_health_still_answers(site: Site) -> None:
    slow = Slow()
    app = create_app(slow, site, limits=Limits(workers=1, queue=1, within_s=300))
    with TestClient(app) as client:
        slow.go.clear()
        statuses: list[int] = []
        waiting = [
            threading.Thread(
                target=lambda: statuses.append(
                    client.post("/v1/detect", content=jpeg()).status_code
                )
            )
            for _ in range(2)
        ]
        for thread in waiting:
            thread.start()
        until(lambda: "kerbwatch_pictures_in_work 2.0" in client.get("/metrics").text)
        refused = client.post("/v1/detect", content=jpeg())
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        slow.go.set()
        for thread in waiting:
            thread.join()
        assert statuses == [200, 200]


@pytest.fixture
def server(tmp_path: Path) -> object:
    port = free_port()
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port), "--max-bytes", "500000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def is_ready() -> bool:
        assert process.poll() is None, "it did not start"
        try:
            return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    until(is_ready)
    yield client
    client.close()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_the_real_process_answers_and_bounds_what_it_reads(server: httpx2.Client) -> None:
    answer = server.post("/v1/detect", content=jpeg(), headers={"content-type": "image/jpeg"})
    assert answer.status_code == 200
    taken = 0
    with socket.create_connection((server.base_url.host, server.base_url.port or 0)) as raw:
        raw.settimeout(20)
        raw.sendall(
            b"POST /v1/detect HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b"\xff" * 0x10000 + b"\r\n"
        try:
            for _ in range(1600):
                raw.sendall(chunk)
                taken += len(chunk)
            reply = raw.recv(100)
        except ConnectionError:
            reply = b""
    assert taken < 100_000_000, "an endless body is not read to its end"
    head = server.head("/v1/labels")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 100
    assert reply == b"" or b"413" in reply
    assert server.get("/healthz").status_code == 200


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = subprocess.run(
            [COMMAND, "serve", "--port", str(taken.getsockname()[1])],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert result.returncode == 2
    assert "cannot listen" in result.stderr
    assert "Traceback" not in result.stderr
