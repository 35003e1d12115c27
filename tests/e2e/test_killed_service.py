"""kill -9 of the photo service and of the deliverer: no report lost, each posted once, in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from cv.bench.rtsp import free_port
from tests.e2e.conftest import COMMAND, Run, json_lines
from tests.e2e.test_killed import deliver_all
from tests.postgresql import PostgreSQL
from tests.serve.conftest import jpeg
from tests.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

PLACES = 25
"""Each is reported twice: the second report joins the case of the first."""
KILLS = {"sqlite": (30, 70), "postgresql": (15, 35)}
"""Of the service and of the deliverer."""
_KILOMETRE = 0.009

SITE = """\
[site]
name = "Killed"
division = "421002"
[reporting]
data = "data"
{database}
targets = ["webhook"]
[reporting.webhook]
url = "{url}"
[photos]
post_unreviewed = true
"""


class Killed:
    """A process that is killed at random moments and started again.

    Args:
        alive_s: the shortest and the longest life before a kill, once it is ready.
        is_ready: asked until it says so; what is killed before it works proves little.
    """

    def __init__(
        self,
        command: list[str],
        kills: int,
        alive_s: tuple[float, float],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._command = command
        self._kills = kills
        self._alive_s = alive_s
        self._is_ready = is_ready
        self._moments = random.Random(kills)
        self.killed = 0

    @property
    def is_left_alone(self) -> bool:
        return self.killed == self._kills

    def run(self, stop: threading.Event) -> None:
        """Until it was killed often enough, and then undisturbed until stopped."""
        while True:
            process = subprocess.Popen(
                self._command,
                env={**os.environ, "KERBWATCH_WEBHOOK_SECRET": WebhookReceiver.SECRET},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if self.is_left_alone or stop.is_set():
                stop.wait()
                process.terminate()
                process.wait(60)
                return
            while not (self._is_ready() or stop.is_set()):
                assert process.poll() is None, "it did not start"
                time.sleep(0.05)
            time.sleep(self._moments.uniform(*self._alive_s))
            assert process.poll() is None, "it ended by itself"
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.killed += 1


def is_up(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readyz", timeout=2).is_success
    except httpx2.HTTPError:
        return False


def send(address: str, number: int, deadline: float) -> str:
    """One report, sent until it is answered, as an app does; gives the id of its case."""
    fields = {
        "lon": "112.2551", "lat": str(30.0 + number // 2 * _KILOMETRE), "report": "true",
        "captured_at": "2026-03-14T15:30:00+08:00", "category": "exposed_garbage",
        "description": f"report {number}",
    }  # fmt: skip
    while time.monotonic() < deadline:
        try:
            answer = httpx2.post(
                f"{address}/v1/photos", data=fields, timeout=10,
                headers={"idempotency-key": f"report-{number}"},
                files={"image": ("p.jpg", jpeg(160, 120, 60 + number), "image/jpeg")},
            )  # fmt: skip
        except httpx2.HTTPError:
            time.sleep(0.2)
            continue
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 200:
            return str(answer.json()["case"]["id"])
        time.sleep(0.5)
    pytest.fail(f"report {number} was never taken")


@pytest.mark.parametrize("kind", list(KILLS))
def test_reports_survive_a_hundred_kills_of_service_and_deliverer(
    kind: str, kerbwatch: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In PostgreSQL half as many."""
    database = ""
    if kind == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        database = f'database = "{server.url(server.create())}"'
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with WebhookReceiver(tmp_path, "500", "lost", "drop", "late", "cut") as receiver:
        site = tmp_path / "site.toml"
        site.write_text(SITE.format(url=receiver.url, database=database), encoding="utf-8")
        service = Killed(
            [COMMAND, "serve", "--port", str(port), "--site", str(site), "--rate", "0",
             "--backend", "onnxruntime"],
            KILLS[kind][0], (0.0, 2.0), lambda: is_up(address),
        )  # fmt: skip
        deliverer = Killed(
            [COMMAND, "cases", "deliver", "--watch", "--site", str(site)],
            KILLS[kind][1], (0.5, 3.0),
        )  # fmt: skip
        stop = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(process.run, stop) for process in (service, deliverer)]
            try:
                deadline = time.monotonic() + 1800
                cases = [send(address, n, deadline) for n in range(PLACES * 2)]
                while not all(process.is_left_alone for process in (service, deliverer)):
                    assert time.monotonic() < deadline
                    assert not any(run.done() for run in running)
                    time.sleep(0.2)
            finally:
                stop.set()
            for run in running:
                run.result(120)
        environment = {"KERBWATCH_WEBHOOK_SECRET": receiver.SECRET}
        deliver_all(kerbwatch, ("--site", site), environment)
        taken = [row for row in receiver.received if not row["repeat"]]
    stored = json_lines(
        kerbwatch("cases", "list", "--site", site, "--limit", "200", "--json").stdout
    )
    said = {report["description"]: case["id"] for case in stored for report in case["reports"]}
    assert said == {f"report {n}": case for n, case in enumerate(cases)}, (
        "what was answered is kept"
    )
    assert Counter(Counter(said.values()).values()) == {2: PLACES}
    assert max(Counter(row["key"] for row in taken).values()) == 1
    for case in stored:
        events = [row for row in taken if row["subject"] == case["id"]]
        assert [row["case"]["state"] for row in events] == ["new", "updated"][: len(events)]
        told = {report["description"] for report in events[-1]["case"]["reports"]}
        assert told == {report["description"] for report in case["reports"]}, "the last says all"
