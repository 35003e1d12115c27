"""The receiver in examples/ keeps the contract of docs/how-to-receive-cases.md."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cv.bench.rtsp import free_port
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message
from cv.cases.targets.webhook import WebhookTarget
from cv.errors import DeliveryError
from cv.site import Site
from tests.cases.filings import case_of
from tests.listening import wait_for_port
from tests.webhook_receiver import WebhookReceiver

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/receiver.py"
SECRET = WebhookReceiver.SECRET


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    number = free_port()
    process = subprocess.Popen(
        [sys.executable, EXAMPLE, str(number)],
        cwd=tmp_path,
        env={**os.environ, "KERBWATCH_WEBHOOK_SECRET": SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_port(number, process)
    yield number
    process.kill()
    process.wait()


def test_it_takes_each_message_once_and_only_ours(site: Site, port: int, tmp_path: Path) -> None:
    outgoing = Outgoing(site.reporting.data, site.privacy)
    case = case_of(site)
    url = f"http://127.0.0.1:{port}/"
    ours = WebhookTarget(url, [SECRET], outgoing)
    for _ in range(2):
        assert ours.deliver(Message(case.key, case.state, case)).number == f"2026-{case.id[-6:]}"
    with pytest.raises(DeliveryError, match="401"):
        WebhookTarget(url, ["whsec_" + "QUFB" * 10], outgoing).deliver(
            Message(case.key, case.state, case)
        )
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite")) as inbox:
        assert inbox.execute("select key from messages").fetchall() == [(case.key,)]
