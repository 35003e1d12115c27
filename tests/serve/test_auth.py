"""Every route with every kind of key."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import update
from typer.testing import CliRunner

import serve.auth
from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.cases.tables import PhotoRow
from cv.cli import app as command_line
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from serve.auth import Needs
from tests.serve.conftest import LIMITS, jpeg

NOW = datetime(2026, 3, 14, 15, tzinfo=UTC)
GEOREPORT = "/open311/v2"
HERE = "http://127.0.0.1:8000"
OPEN = {
    "/docs",
    "/docs/oauth2-redirect",
    *("/healthz", "/readyz", "/metrics", "/v1/evidence/{token}"),
    *(f"{GEOREPORT}/{name}.{{form}}" for name in ("discovery", "services")),
    f"{GEOREPORT}/services/{{service_code}}.{{form}}",
}
"""Routes without a key: probes, evidence, whose link is the right to see it, and what a citizen
can report.
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseStore]:
    with CaseStore(tmp_path_factory.mktemp("keys") / "cases.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def texts(store: CaseStore) -> dict[str, str]:
    keys = Keys(store.database)
    made = {str(role): keys.create(f"{role} app", role, NOW)[1] for role in Role}
    revoked, text = keys.create("former app", Role.ADMIN, NOW)
    keys.revoke(revoked.id, NOW)
    unknown = "kw_abcdefgh_" + "a" * 32
    return {**made, "revoked": text, "unknown": unknown, "none": "", "nonsense": "hunter2"}


@pytest.fixture(scope="module")
def guarded(detector: Detector, site: Site, store: CaseStore) -> Iterator[TestClient]:
    app = create_app(
        detector, site, limits=LIMITS, secret="s" * 32, keys=Keys(store.database), store=store
    )
    with TestClient(app) as client:
        yield client


def routes(client: TestClient) -> list[APIRoute]:
    found = client.app.openapi()["paths"]  # what is documented is what there is
    listed = list(_flat(client.app.routes))
    assert {route.path for route in listed} >= set(found)
    return listed


def _flat(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "effective_candidates"):  # routers that are included lazily
            yield from (c for c in route.effective_candidates() if hasattr(c, "dependant"))


def needed(route: APIRoute) -> Role | None:
    roles = [d.call.role for d in route.dependant.dependencies if isinstance(d.call, Needs)]
    assert len(roles) <= 1
    return roles[0] if roles else None


def test_every_route_has_a_role_or_is_open_on_purpose(guarded: TestClient) -> None:
    without = {route.path for route in routes(guarded) if needed(route) is None}
    assert without == OPEN


@pytest.mark.parametrize(
    "holder", ["report", "operate", "admin", "revoked", "unknown", "none", "nonsense"]
)
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_route_answers_who_has_its_role(
    guarded: TestClient, texts: dict[str, str], holder: str, header: str
) -> None:
    text = texts[holder]
    scheme = "Bearer " if header == "Authorization" else ""
    headers = {header: scheme + text} if text else {}
    for route in routes(guarded):
        role = needed(route)
        for method in route.methods:
            path = re.sub(r"{\w+}", "x", route.path.replace("{form}", "json"))
            form = {"service_code": "?"} if path.startswith(GEOREPORT) else None
            answer = guarded.request(method, path, headers=headers, data=form)
            if role is None or (holder in list(Role) and Role(holder).includes(role)):
                assert answer.status_code not in (401,), (method, path)
                if path != "/v1/evidence/x":
                    assert answer.status_code != 403, (method, path)
            else:
                if path.startswith(GEOREPORT):
                    assert answer.status_code == 403, (method, path, answer.text)
                    assert answer.json()[0]["code"] == 403
                    continue
                expected = 403 if holder in list(Role) else 401
                assert answer.status_code == expected, (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["detail_zh"]
                if expected == 401:
                    assert answer.headers["www-authenticate"] == "Bearer"


def test_evidence_without_a_signature_is_refused(
    guarded: TestClient, texts: dict[str, str]
) -> None:
    headers = {"X-API-Key": texts["admin"]}
    assert guarded.get("/v1/evidence/guess", headers=headers).status_code == 403


def test_a_photo_is_read_by_who_sent_it_and_by_the_desk(
    guarded: TestClient, store: CaseStore, texts: dict[str, str]
) -> None:
    other = Keys(store.database).create("another app", Role.REPORT, NOW)[1]

    def send(text: str) -> str:
        headers = {"X-API-Key": text, "Idempotency-Key": "1"}
        answer = guarded.post("/v1/photos", files={"image": ("p.jpg", jpeg())}, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def read(photo: str) -> dict[str, int]:
        asking = {**{role: texts[role] for role in ("report", "operate", "admin")}, "other": other}
        answers = {
            name: guarded.get(f"/v1/photos/{photo}", headers={"X-API-Key": text})
            for name, text in asking.items()
        }
        for answer in answers.values():
            assert answer.status_code == 200 or answer.json()["detail"] == "no such photo"
        return {name: answer.status_code for name, answer in answers.items()}

    photo = send(texts["report"])
    assert read(photo) == {"report": 200, "operate": 200, "admin": 200, "other": 404}
    replayed = send(other)
    assert replayed != photo, "the same picture under the same Idempotency-Key"
    assert read(replayed) == {"report": 404, "operate": 200, "admin": 200, "other": 200}
    with store.database.write() as session:  # as before it was stored who had sent it
        session.execute(update(PhotoRow).values(sender=None))
    assert read(photo) == {"report": 404, "operate": 200, "admin": 200, "other": 404}


def test_what_several_send_alike_is_a_report_of_each(
    guarded: TestClient, store: CaseStore, texts: dict[str, str]
) -> None:
    """Without an Idempotency-Key, too: who sends a photo on learns nothing of who had it first."""
    other = Keys(store.database).create("a third app", Role.REPORT, NOW)[1]
    picture = {"image": ("p.jpg", jpeg(shade=30))}
    first, again, theirs = (
        guarded.post("/v1/photos", files=picture, headers={"X-API-Key": text}).json()["id"]
        for text in (texts["report"], texts["report"], other)
    )
    assert first == again != theirs
    mine = guarded.get(f"/v1/photos/{theirs}", headers={"X-API-Key": other})
    assert mine.status_code == 200


def test_a_revoked_key_ends_while_the_service_runs(
    guarded: TestClient, store: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve.auth, "_FRESH_S", 0.0)
    keys = Keys(store.database)
    key, text = keys.create("short-lived", Role.REPORT, NOW)
    headers = {"X-API-Key": text}
    assert guarded.get("/v1/labels", headers=headers).status_code == 200
    keys.revoke(key.id, NOW)
    assert guarded.get("/v1/labels", headers=headers).status_code == 401


def test_who_guesses_keys_is_refused_before_they_cost_anything(
    detector: Detector, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CaseStore(tmp_path / "cases.sqlite") as store:
        keys = Keys(store.database)
        known, text = keys.create("the photo app", Role.REPORT, NOW)
        other = keys.create("another app", Role.REPORT, NOW)[1]
        app = create_app(detector, site, limits=LIMITS, keys=keys)
        with TestClient(app) as client, TestClient(app, client=("10.0.0.9", 1)) as elsewhere:

            def ask(sent: str, who: TestClient = client) -> int:
                return who.get("/v1/labels", headers={"X-API-Key": sent}).status_code

            assert ask(text) == 200
            looked_at: list[str] = []
            verify = keys.verify
            monkeypatch.setattr(keys, "verify", lambda sent: looked_at.append(sent) or verify(sent))
            guesses = [f"kw_{known.id}_{n:032d}" for n in range(24)]
            assert [ask(guesses[0]) for _ in range(20)] == [401] * 20
            assert len(looked_at) == 1, "the same one costs once"
            answers = [ask(guess) for guess in guesses]
            assert answers[:10] == [401] * 10
            assert answers.count(429) >= 10, "now and then one more is free as the minute passes"
            assert len(looked_at) == answers.count(401)
            assert ask(text) == 200, "a known key goes on"
            assert ask(other, elsewhere) == 200, "and so does everybody elsewhere"


def test_a_key_is_never_logged(
    guarded: TestClient, texts: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for text in texts.values():
        answer = guarded.post(
            "/v1/detect", content=jpeg(), headers={"X-API-Key": text, "content-type": "image/jpeg"}
        )
        if text:
            assert text not in answer.text
    assert all(text not in caplog.text for text in texts.values() if text)


def test_without_keys_everybody_is_answered(
    detector: Detector, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve.auth, "_FRESH_S", 0.0)
    with CaseStore(tmp_path / "cases.sqlite") as empty:
        keys = Keys(empty.database)
        app = create_app(detector, site, limits=LIMITS, keys=keys, store=empty)
        with TestClient(app, base_url=HERE) as client:
            assert client.get("/v1/labels").status_code == 200
            sent = client.post("/v1/photos", files={"image": ("p.jpg", jpeg())}).json()
            photo = f"/v1/photos/{sent['id']}"
            assert client.get(photo).json()["id"] == sent["id"]
            first = {"X-API-Key": keys.create("first", Role.REPORT, NOW)[1]}
            assert client.get("/v1/labels").status_code == 401
            assert client.get(photo, headers=first).status_code == 404, "nobody knows whose it is"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:8000"}, 200),
        ({"host": "127.0.0.1:8000", "origin": HERE}, 200),
        ({"host": "[::1]:8000", "origin": "http://[::1]:8000"}, 200),
        ({"host": "kerbwatch:8000"}, 200),
        ({"host": "192.0.2.1:8000"}, 403),
        ({"host": "[2001:db8::1]:8000"}, 403),
        ({"host": ""}, 403),
        ({"host": "a-page.example"}, 403),
        ({"host": "127.0.0.1.a-page.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "https://a-page.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "null"}, 403),
        ({"host": "["}, 403),
    ],
)
def test_without_keys_no_page_of_another_site_is_answered(
    detector: Detector, site: Site, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    """A browser on this machine sends what any page says; by its name, a page reads it, too."""
    with CaseStore(tmp_path / "cases.sqlite") as empty:
        app = create_app(detector, site, limits=LIMITS, keys=Keys(empty.database), store=empty)
        with TestClient(app, headers=headers) as client:
            for path in ("/v1/cases", f"{GEOREPORT}/requests.json"):
                answer = client.get(path)
                assert answer.status_code == status
                assert status == 200 or "keys create" in answer.text
            assert client.get("/healthz").status_code == 200


def test_without_keys_no_other_machine_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command_line, ["serve", "--host", "0.0.0.0", "--port", "0"])
    assert "kerbwatch keys create" in str(result.exception)
