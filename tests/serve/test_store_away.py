"""The service while its database is away: 503 for what needs it, and back when it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.opening import open_store
from cv.detect.detector import Detector
from cv.site import Site
from serve import outbox_metrics
from serve.app import create_app
from tests.cases.filings import START, site_in
from tests.listening import until
from tests.postgresql import PostgreSQL
from tests.serve.conftest import LIMITS, jpeg


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as started:
        yield started


def test_what_needs_the_store_is_told_to_come_back_until_it_answers(
    server: PostgreSQL, detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_metrics, "EVERY_S", 0.2)
    plain = site_in(tmp_path / "data")
    site: Site = replace(plain, reporting=replace(plain.reporting, database=server.url()))
    with open_store(site) as store:
        keys = Keys(store.database)
        _, key = keys.create("desk", Role.OPERATE, START)
        app = create_app(detector, site, limits=LIMITS, secret="s" * 20, keys=keys, store=store)
        with TestClient(app, headers={"X-API-Key": key}) as client:
            asked = (f"/v1/photos/ph-{'0' * 20}", "/v1/cases", f"/v1/cases/kw-{'0' * 20}")
            assert [client.get(path).status_code for path in asked] == [404, 200, 404]
            photo = {"image": ("p.jpg", jpeg(), "image/jpeg")}
            kept = client.post("/v1/photos", files=photo).json()["id"]
            server.kill()
            for path in (*asked, f"/v1/photos/{kept}"):
                answer = client.get(path)
                assert answer.status_code == 503, path
                assert int(answer.headers["retry-after"]) > 0
                assert answer.headers["content-type"] == "application/problem+json"
                problem = answer.json()
                assert "case store" in problem["detail"]
                assert "案件库" in problem["detail_zh"]
                assert "pass-word" not in answer.text
                assert "127.0.0.1" not in answer.text
            assert client.get("/readyz").status_code == 200, "it is the database that is away"
            until(lambda: "kerbwatch_case_store_up 0.0" in client.get("/metrics").text)
            assert "kerbwatch_messages{" not in client.get("/metrics").text, "an old number"
            server.start()
            until(lambda: "kerbwatch_case_store_up 1.0" in client.get("/metrics").text)
            assert [client.get(path).status_code for path in asked] == [404, 200, 404]
            assert client.get(f"/v1/photos/{kept}").json()["id"] == kept
    assert server.execute("select count(*) from photos") == [(1,)], "in the site's database"
    assert not (tmp_path / "data/cases.sqlite").exists()
