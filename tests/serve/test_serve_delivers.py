"""What a person decides on over HTTP leaves from the service itself."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from cv.cases.store import CaseStore
from tests.cases.filings import case_of, incident, site_in
from tests.listening import until

COMMAND = str(Path(sys.executable).with_name("kerbwatch"))
SITE = """
[site]
name = "Shashi"

[reporting]
data = "data"
targets = ["spool"]
review_first = true
"""


def test_a_confirmed_case_is_posted_by_the_service(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    with CaseStore(tmp_path / "data/cases.sqlite") as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site_in(tmp_path / "data"))],
            state=None, targets=["spool"], now=datetime.now(UTC), hold=True,
        )  # fmt: skip
    command = [COMMAND, "serve", "--port", "0", "--backend", "onnxruntime"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr
        found = re.search(r"http://\S+", service.stderr.readline())
        assert found
        with httpx2.Client(base_url=found[0], timeout=60) as client:
            until(lambda: _answers(client))
            assert not (tmp_path / "data/spool").exists()
            address = f"/v1/cases/{incident().id}/review"
            assert client.post(address, json={"state": "confirmed"}).status_code == 200
            until((tmp_path / "data/spool" / incident().id / "new.json").exists)
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False
