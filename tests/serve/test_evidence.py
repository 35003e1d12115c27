"""Evidence and originals over HTTP: who gets them, and that it is written down first."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.links import LINK_LIFE_S, evidence_url
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.evidence.chain import verify_chain
from cv.evidence.log import Entry, EvidenceLog
from cv.evidence.originals import frame_file, is_sealed, open_originals
from cv.evidence.retention import Retention
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import START, case_of, incident, picture, site_in
from tests.serve.conftest import LIMITS, jpeg

SECRET = "s3cret of some length"
REASON = "投诉复核 complaint 118"
ID = incident().id


@dataclass
class Service:
    client: TestClient
    store: CaseStore
    site: Site
    key: str

    def evidence(self, file: str, secret: str = SECRET, age_s: float = 0) -> int:
        made = datetime.now(UTC) - timedelta(seconds=age_s)
        return self.client.get(evidence_url("", file, secret, now=made)).status_code

    def original(self, owner: str, name: str, reason: str = REASON, key: str | None = None):
        return self.client.get(
            f"/v1/originals/{owner}/{name}",
            params={"reason": reason},
            headers={"X-API-Key": self.key if key is None else key},
        )

    @property
    def entries(self) -> list[Entry]:
        return [Entry.model_validate_json(e) for e in EvidenceLog(self.store.database).lines()]

    @property
    def last(self) -> Entry:
        return self.entries[-1]


@pytest.fixture
def service(detector: Detector, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    site = site_in(tmp_path / "data")
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        keys = Keys(store.database)
        _, key = keys.create("desk", Role.OPERATE, START)
        items = (picture(site), picture(site, role="before"))
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site, evidence=items)],
            state=None, targets=(), now=START,
        )  # fmt: skip
        app = create_app(detector, site, limits=LIMITS, secret=SECRET, keys=keys, store=store)
        with TestClient(app) as client:
            yield Service(client, store, site, key)
        assert verify_chain(EvidenceLog(store.database).rows()).broken is None


def test_evidence_is_served_by_signed_links_only_and_each_try_is_written_down(
    service: Service,
) -> None:
    (service.site.reporting.data / "originals").mkdir()
    (service.site.reporting.data / "originals/scene.jpg").write_bytes(jpeg())
    scene = f"evidence/{ID}/scene.jpg"
    assert service.evidence(scene) == 200
    assert service.evidence(scene, "guess") == 403
    assert service.evidence(scene, age_s=LINK_LIFE_S + 60) == 403
    assert service.evidence("originals/scene.jpg") == 404
    assert service.evidence("evidence/../originals/scene.jpg") == 404
    assert service.evidence(f"evidence/{ID}/none.jpg") == 410
    assert service.client.get("/v1/evidence/nonsense").status_code == 403
    assert [(e.action, e.outcome, e.what) for e in service.entries] == [
        ("view", "served", scene),
        ("view", "refused", "a link that is not ours"),
        ("view", "expired", scene),
        ("view", "refused", "originals/scene.jpg"),
        ("view", "refused", "evidence/../originals/scene.jpg"),
        ("view", "gone", f"evidence/{ID}/none.jpg"),
        ("view", "refused", "a link that is not ours"),
    ]
    assert {(e.who, e.address) for e in service.entries} == {("link", "testclient")}


def test_no_cache_may_keep_a_picture(service: Service) -> None:
    answer = service.client.get(evidence_url("", f"evidence/{ID}/scene.jpg", SECRET))
    assert "no-store" in answer.headers["cache-control"]
    assert answer.content == b"a masked picture"


def test_nobody_finds_out_by_head_what_there_is_without_an_entry(service: Service) -> None:
    link = evidence_url("", f"evidence/{ID}/scene.jpg", SECRET)
    for address in (link, f"/v1/originals/{ID}/scene?reason={REASON}"):
        answer = service.client.head(address, headers={"X-API-Key": service.key})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert service.entries == []


def test_an_original_is_decrypted_for_who_gives_a_reason(service: Service) -> None:
    originals = open_originals(service.site.reporting.data)
    kept = {}
    for name, time in (("scene", incident().confirmed_at), ("before", incident().first_seen)):
        kept[name] = originals.keep(frame_file("originals", "gate", time), f"{name} 0".encode())
        assert is_sealed(kept[name])
    for name, file in kept.items():
        answer = service.original(ID, name)
        assert (answer.status_code, answer.content) == (200, f"{name} 0".encode())
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["content-type"] == "image/jpeg"
        assert (service.last.outcome, service.last.what) == ("served", file)
        assert service.last.reason == REASON
        assert service.last.who == f"key {service.key.split('_')[1]}"


def test_who_may_not_see_an_original_is_written_down(service: Service) -> None:
    """Without a key that counts, with one of too small a role, and without a reason."""
    keys = Keys(service.store.database)
    app, text = keys.create("the photo app", Role.REPORT, START)
    desk = f"key {service.key.split('_')[1]}"
    unknown = "kw_abcdefgh_" + "a" * 32
    for key, reason, status, who in (
        ("", REASON, 401, "nobody"),
        (unknown, REASON, 401, "nobody"),
        (text, REASON, 403, f"key {app.id}"),
        (service.key, "x", 422, desk),
    ):
        before = len(service.entries)
        assert service.original(ID, "scene", reason=reason, key=key).status_code == status
        assert len(service.entries) == before + 1
        last = service.last
        assert (last.action, last.outcome, last.who) == ("original", "refused", who)
        assert (last.what, last.address) == (f"{ID}/scene", "testclient")
    bearer = {"Authorization": "Basic x"}
    path = f"/v1/originals/{ID}/scene?reason={REASON}"
    assert service.client.get(path, headers=bearer).status_code == 401
    assert service.last.who == "nobody"
    assert service.original("%1b[2J" + "x" * 500, "%0a").status_code == 422
    assert service.last.what == "what no original is called"


def test_who_tries_at_random_gets_no_entry_for_each_try(service: Service) -> None:
    """An entry costs the disk, and is kept for a year; that there were more is one of its own."""
    originals = open_originals(service.site.reporting.data)
    originals.keep(frame_file("originals", "gate", incident().confirmed_at), b"scene")
    for ask, status, who in (
        (lambda: service.original(ID, "scene", key="").status_code, 401, "nobody"),
        (lambda: service.client.get("/v1/evidence/guess").status_code, 403, "link"),
        (lambda: service.original(ID, "scene", reason="x").status_code, 422, "key"),
    ):
        assert {ask() for _ in range(50)} == {status}
        entries = [e for e in service.entries if e.who.startswith(who)]
        assert 31 <= len(entries) <= 33, "now and then one more is free as the minute passes"
        more = [entry for entry in entries if entry.what.startswith("more than 30 refusals")]
        assert [entry.outcome for entry in more] == ["refused"]
    # What somebody has a right to is served all the while, with an entry each time.
    for _ in range(3):
        assert service.evidence(f"evidence/{ID}/scene.jpg") == 200
        assert service.last.outcome == "served"
        assert service.original(ID, "scene").status_code == 200
        assert (service.last.outcome, service.last.reason) == ("served", REASON)


def test_a_citizens_photo_comes_back_as_it_came(service: Service) -> None:
    sent = jpeg()
    answer = service.client.post(
        "/v1/photos",
        files=[("image", ("a.jpg", sent, "image/jpeg"))],
        headers={"X-API-Key": service.key},
    )
    photo = answer.json()["id"]
    (kept,) = (service.site.reporting.data / "originals/_photos").iterdir()
    assert is_sealed(kept.name)
    assert service.original(photo, "1").content == sent
    assert service.original(photo, "2").status_code == 404


def test_what_is_deleted_or_never_was_is_told_apart(service: Service) -> None:
    other = frame_file("originals", "gate", incident().confirmed_at + timedelta(hours=1))
    open_originals(service.site.reporting.data).keep(other, b"another one is there")
    assert service.original(ID, "scene").status_code == 410
    assert service.last.outcome == "gone"
    assert service.original(ID, "crop").status_code == 404
    assert service.original("kw-nothing", "scene").status_code == 404
    assert service.last.outcome == "refused"
    assert service.original(ID[:8], "scene").status_code == 404, "no beginnings of ids here"


def test_a_link_to_what_retention_has_deleted_says_so(service: Service) -> None:
    rejected = START + timedelta(hours=2)
    service.store.review(ID, review_of(RejectReason.MISTAKEN, "li", rejected))
    Retention(service.site, service.store.database).run(rejected + timedelta(days=31))
    assert service.evidence(f"evidence/{ID}/scene.jpg") == 410
    assert service.last.outcome == "gone"
    case = service.client.get(f"/v1/cases/{ID}", headers={"X-API-Key": service.key})
    assert case.text.count('"withheld":"deleted"') == 2


def test_a_picture_that_the_disk_does_not_give_is_not_told_to_be_deleted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that hears 410 never asks again."""

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    scene = f"evidence/{ID}/scene.jpg"
    link = evidence_url("", scene, SECRET)
    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_bytes", refuse)
        answer = service.client.get(link)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert (service.last.outcome, service.last.what) == ("unreadable", scene)
    assert service.client.get(link).status_code == 200
    folder = service.site.reporting.data / "evidence"
    folder.rename(folder.with_name("not mounted"))
    assert service.client.get(link).status_code == 503
    folder.mkdir()
    assert service.client.get(link).status_code == 503


def test_originals_whose_disk_is_away_are_not_told_to_be_deleted(service: Service) -> None:
    folder = service.site.reporting.data / "originals"
    originals = open_originals(service.site.reporting.data)
    originals.keep(frame_file("originals", "gate", incident().confirmed_at), b"scene")
    assert service.original(ID, "scene").content == b"scene"
    folder.rename(folder.with_name("not mounted"))
    assert service.original(ID, "scene").status_code == 503
    assert (service.last.outcome, service.last.what) == ("unreadable", f"{ID}/scene")
    folder.mkdir()  # where a share is mounted stays, and is empty
    assert service.original(ID, "scene").status_code == 503


@pytest.mark.parametrize("reason", ["", "    ", "x", "a  b"])
def test_no_original_without_a_reason(service: Service, reason: str) -> None:
    assert service.original(ID, "scene", reason=reason).status_code == 422
    headers = {"X-API-Key": service.key}
    assert service.client.get(f"/v1/originals/{ID}/scene", headers=headers).status_code == 422


def test_an_original_whose_key_is_lost_is_not_given_out(
    service: Service, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = open_originals(service.site.reporting.data)
    originals.keep(frame_file("originals", "gate", incident().confirmed_at), b"scene")
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    app = create_app(
        detector, service.site, limits=LIMITS,
        keys=Keys(service.store.database), store=service.store,
    )  # fmt: skip
    with TestClient(app) as client:
        answer = Service(client, service.store, service.site, service.key).original(ID, "scene")
    assert answer.status_code == 500
    assert service.last.outcome == "unreadable"


def test_without_any_key_evidence_is_served_but_no_original(detector: Detector, tmp_path) -> None:
    site = site_in(tmp_path / "data")
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        app = create_app(
            detector, site, limits=LIMITS, secret=SECRET,
            keys=Keys(store.database), store=store,
        )  # fmt: skip
        with TestClient(app, base_url="http://localhost") as client:
            service = Service(client, store, site, "")
            assert service.evidence(str(picture(site).file)) == 200
            assert service.original(ID, "scene").status_code == 401
            assert (service.last.outcome, service.last.who) == ("refused", "nobody")


def test_no_entry_no_picture(service: Service, detector: Detector) -> None:
    """The database takes no more: then nobody could tell later who saw it."""
    originals = open_originals(service.site.reporting.data)
    originals.keep(frame_file("originals", "gate", incident().confirmed_at), b"scene")
    link = evidence_url("", f"evidence/{ID}/scene.jpg", SECRET)
    file = service.site.reporting.data / "cases.sqlite"
    full = CaseStore(f"sqlite:///file:{file}?mode=ro&uri=true")
    app = create_app(
        detector, service.site, limits=LIMITS, secret=SECRET,
        keys=Keys(service.store.database), store=full,
    )  # fmt: skip
    with TestClient(app) as client:
        for address in (link, f"/v1/originals/{ID}/scene?reason={REASON}", "/v1/evidence/x"):
            answer = client.get(address, headers={"X-API-Key": service.key})
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert "登记" in answer.json()["detail_zh"]
            assert int(answer.headers["retry-after"]) > 0
    full.close()
    assert service.entries == []
    assert service.client.get(link).status_code == 200


def test_one_client_does_not_fill_the_log(detector: Detector, tmp_path) -> None:
    site = site_in(tmp_path / "data")
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        app = create_app(detector, site, limits=replace(LIMITS, rate=5), secret=SECRET, store=store)
        with TestClient(app) as client:
            statuses = [client.get("/v1/evidence/guess").status_code for _ in range(9)]
        assert statuses == [403] * 5 + [429] * 4
        assert len(list(EvidenceLog(store.database).lines())) == 5
