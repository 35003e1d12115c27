"""What `/metrics` says of messages that have not reached the city's systems."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from serve.app import create_app
from tests.cases.filings import case_of, site_in
from tests.listening import until
from tests.serve.conftest import LIMITS
from tests.serve.desks import NOW, Service


def test_late_held_and_refused_messages_are_counted_by_target(
    detector: Detector, tmp_path: Path
) -> None:
    site = site_in(tmp_path / "data")
    with CaseStore(tmp_path / "cases.sqlite") as store:
        app = create_app(detector, site, limits=LIMITS, store=store)
        desk = Service(TestClient(app), store, site, {})
        cases = [case_of(site, number) for number in range(3)]
        desk.file(*cases[:2], hold=False)
        desk.file(cases[2], targets=("webhook", "spool"))
        claim = store.outbox.claim("webhook", NOW, 60)
        assert claim
        store.outbox.failed(claim, NOW, "answered 422", None)
        store.outbox.turn_off("webhook", NOW, "answered 410 Gone")
        with TestClient(app) as client:
            until(lambda: "kerbwatch_case_store_up 1.0" in client.get("/metrics").text)
            text = client.get("/metrics").text
    for state, messages in (("pending", 1), ("held", 1), ("dead", 1)):
        assert f'kerbwatch_messages{{state="{state}",target="webhook"}} {messages}.0' in text
    assert 'kerbwatch_messages{state="held",target="spool"} 1.0' in text
    assert 'kerbwatch_target_off{target="webhook"} 1.0' in text
    assert 'kerbwatch_target_off{target="spool"} 0.0' in text
    assert 'kerbwatch_oldest_message_seconds{target="spool"} 0.0' in text, "held is not late"
    waited = text.partition('kerbwatch_oldest_message_seconds{target="webhook"} ')[2].split()[0]
    assert float(waited) > 86400
