"""What is past its deadline is deleted, by the right rule, and proof of it stays."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from cv.cases.case import Case
from cv.cases.closing import close_case
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart, ReportPart, ReviewPart
from cv.cases.reported import GivenPoint, case_from_report
from cv.cases.requests import NewRequest, Requests
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.tables import DeliveryRow, PhotoImageRow, PhotoRow, RequestRow
from cv.cases.wording import headline
from cv.cli import app
from cv.errors import KerbwatchError
from cv.evidence.chain import verify_chain
from cv.evidence.log import EvidenceLog
from cv.evidence.originals import frame_file, open_originals
from cv.evidence.retention import AlreadyRunningError, Retention
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.labels import Matter
from cv.site import Site
from tests.cases.filings import GATE, START, case_of, incident, picture, site_in
from tests.cases.test_reported import reported, take_report

DAY = timedelta(days=1)
REPORTED = START + timedelta(hours=1)
PICTURE = b"a picture"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.fixture(autouse=True)
def whole(store: CaseStore) -> Iterator[None]:
    """Whatever happens in a test, the chain holds."""
    yield
    assert verify_chain(EvidenceLog(store.database).rows()).broken is None


def entries(store: CaseStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in EvidenceLog(store.database).lines()]


def deletions(store: CaseStore) -> dict[str, dict[str, Any]]:
    return {entry["what"]: entry for entry in entries(store) if entry["action"] == "delete"}


def sweep(site: Site, store: CaseStore, now: datetime) -> set[str]:
    """What a run deletes, by its proof and in truth."""
    data = site.reporting.data
    before = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()}
    known = set(deletions(store))
    Retention(site, store.database).run(now)
    after = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()}
    proved = set(deletions(store)) - known
    assert before - after == {what for what in proved if " " not in what}
    return proved


def file(site: Site, name: str, stored: datetime, content: bytes = PICTURE) -> str:
    path = site.reporting.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (stored.timestamp(), stored.timestamp()))
    return name


def filed(store: CaseStore, site: Site, number: int, event: str = "new") -> Case:
    """A case with its scene, as it stands after this event."""
    for step in ("new", "cleared")[: 1 + (event == "cleared")]:
        items = (picture(site, number),) if step == "new" else ()
        case = case_of(site, number, step, evidence=items)  # type: ignore[arg-type]
        store.commit_look(
            camera="gate", stream="live", filings=[case], state=None, targets=(), now=REPORTED
        )
    stored = store.find(case.id)
    return stored.case if stored else case


def scene(number: int) -> str:
    return f"evidence/{incident(number).id}/scene.jpg"


@pytest.mark.both_databases
def test_unmasked_pictures_go_after_their_deadline_with_proof(
    store: CaseStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    old, fresh = now - 31 * DAY, now - 29 * DAY
    gone = {
        file(site, "originals/gate/old.jpg", old),
        file(site, "candidates/gate/old.jpg", old),
        file(site, "originals/_photos/ph-1-1-abc.png", old),
        file(site, "originals/gate/half.123.tmp", old),
    }
    file(site, "originals/gate/fresh.jpg", fresh)
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    sealed = open_originals(site.reporting.data).keep(
        frame_file("originals", "gate", START), PICTURE
    )
    os.utime(site.reporting.data / sealed, (old.timestamp(), old.timestamp()))
    monkeypatch.delenv(KEY_VARIABLE)
    assert sweep(site, store, now) == {*gone, sealed}, "no key is needed to delete"
    proof = deletions(store)
    for what in (*gone, sealed):
        assert proof[what]["sha256"] == hashlib.sha256(PICTURE).hexdigest()
        assert datetime.fromisoformat(proof[what]["stored"]) == pytest.approx(old, abs=DAY / 1e4)
        assert proof[what]["rule"] == "privacy.keep_originals"
    runs = [entry for entry in entries(store) if entry["action"] == "retention"]
    assert [(run["outcome"], run.get("count")) for run in runs] == [("begun", None), ("done", 5)]
    assert len({entry["run"] for entry in entries(store)}) == 1


def test_what_was_stored_while_the_clock_was_ahead_goes_when_what_is_stored_now_does(
    store: CaseStore, site: Site
) -> None:
    noticed = REPORTED
    ahead = {
        file(site, name, noticed + 3650 * DAY)
        for name in ("originals/gate/a.jpg", "originals/_photos/ph-1-1-a.png", "candidates/gate/a")
    }
    skewed = file(site, "originals/gate/b.jpg", noticed + timedelta(minutes=5))
    assert sweep(site, store, noticed) == set()
    assert sweep(site, store, noticed + 30 * DAY) == set()
    assert sweep(site, store, noticed + 30 * DAY + timedelta(minutes=1)) == ahead
    assert sweep(site, store, noticed + 31 * DAY) == {skewed}


def test_what_was_stored_before_the_clock_was_set_is_not_deleted_at_once(
    store: CaseStore, site: Site
) -> None:
    boot, noticed = datetime(1970, 1, 1, 0, 5, tzinfo=UTC), REPORTED
    early = file(site, "originals/gate/a.jpg", boot)
    right = file(site, "originals/gate/b.jpg", noticed)
    assert sweep(site, store, boot + timedelta(hours=1)) == set()
    assert sweep(site, store, noticed) == set()
    assert sweep(site, store, noticed + 31 * DAY) == {early, right}


@pytest.mark.both_databases
def test_with_nothing_to_delete_nothing_is_written(store: CaseStore, site: Site) -> None:
    filed(store, site, 1)
    assert sweep(site, store, REPORTED) == set()
    assert entries(store) == []


@pytest.mark.both_databases
def test_a_rejected_case_loses_its_pictures_first_and_says_so(store: CaseStore, site: Site) -> None:
    case = filed(store, site, 1)
    rejected = REPORTED + 10 * DAY
    store.review(case.id, review_of(RejectReason.MISTAKEN, "li", rejected))
    assert sweep(site, store, rejected + 30 * DAY) == set()
    assert sweep(site, store, rejected + 31 * DAY) == {scene(1)}
    assert deletions(store)[scene(1)]["rule"] == "privacy.keep_rejected"
    after = store.case(case.id).case
    assert after.review.state == "rejected"
    assert [(item.id, item.withheld) for item in after.evidence] == [
        (f"{case.id}/scene", "deleted")
    ]
    outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", "s" * 20)
    (told,) = outgoing.with_links(after, REPORTED).evidence
    assert (told.url, told.withheld) == (None, "deleted")
    assert not (site.reporting.data / "evidence" / case.id).exists()


@pytest.mark.both_databases
def test_any_other_case_keeps_them_until_its_end_and_a_year(store: CaseStore, site: Site) -> None:
    filed(store, site, 1)
    filed(store, site, 2, "cleared")
    closed = filed(store, site, 3)
    confirmed = filed(store, site, 4, "cleared")
    close_case(store.database, closed.id, ClosurePart(at=REPORTED + 100 * DAY))
    store.review(confirmed.id, ReviewPart(state="confirmed", by="li", at=REPORTED + 50 * DAY))
    assert sweep(site, store, REPORTED + 365 * DAY) == set()
    assert sweep(site, store, REPORTED + 366 * DAY) == {scene(2)}
    assert sweep(site, store, REPORTED + 416 * DAY) == {scene(4)}
    assert sweep(site, store, REPORTED + 466 * DAY) == {scene(3)}
    assert sweep(site, store, REPORTED + 600 * DAY) == set(), "an open case keeps its evidence"
    assert {e["rule"] for e in deletions(store).values()} == {"privacy.keep_evidence"}


@pytest.mark.both_databases
def test_pictures_of_an_incident_that_a_report_goes_on_with_follow_its_case(
    store: CaseStore, site: Site
) -> None:
    case_id = take_report(store, reported(site, minutes=2), site, REPORTED)
    filed(store, site, 0, "cleared")
    end = store.case(case_id).case.time.reported
    assert sweep(site, store, end + 364 * DAY) == set()
    assert sweep(site, store, end + 366 * DAY) == {scene(0)}
    items = {item.role: item for item in store.case(case_id).case.evidence}
    assert items["scene"].withheld == "deleted"


@pytest.mark.both_databases
def test_scenes_that_no_document_names_go_with_the_others(store: CaseStore, site: Site) -> None:
    filed(store, site, 2, "cleared")
    between = file(site, f"evidence/{incident(2).id}/scene-20260314T080000Z.jpg", REPORTED)
    assert sweep(site, store, REPORTED + 366 * DAY) == {scene(2), between}


@pytest.mark.both_databases
def test_pictures_of_a_case_that_was_never_recorded_do_not_stay(
    store: CaseStore, site: Site
) -> None:
    now = datetime.now(UTC)
    stray = file(site, "evidence/kw-killed/scene.jpg", now - 400 * DAY)
    folder = site.reporting.data / "evidence/kw-killed"
    assert sweep(site, store, now) == set(), "its folder is new"
    for days, gone in ((364, set()), (366, {stray})):
        os.utime(folder, ((now - days * DAY).timestamp(),) * 2)
        assert sweep(site, store, now) == gone


def report(store: CaseStore, site: Site, photo: str, case_id: str | None = None) -> str:
    """A citizen's report with its masked picture."""
    with store.database.write() as session:
        session.add(
            PhotoRow(
                id=photo, content="", received_at=REPORTED, taken_at=REPORTED, lon=None, lat=None,
                report=case_id is not None, document='{"reporter": "wx-1"}', case_id=case_id,
            )
        )  # fmt: skip
        session.flush()
        session.add(PhotoImageRow(photo_id=photo, number=0, sha256="ab", phash="00"))
    return file(site, f"evidence/{photo}/1-abc.jpg", REPORTED)


def reports(store: CaseStore) -> list[str]:
    with store.database.read() as session:
        return list(session.scalars(select(PhotoRow.id)))


@pytest.mark.both_databases
def test_a_photo_without_a_case_goes_with_all_that_was_said(store: CaseStore, site: Site) -> None:
    masked = report(store, site, "ph-1")
    assert sweep(site, store, REPORTED + 90 * DAY) == set()
    assert sweep(site, store, REPORTED + 91 * DAY) == {masked, "report ph-1"}
    assert reports(store) == []
    proof = deletions(store)["report ph-1"]
    assert proof["sha256"] == hashlib.sha256(b'{"reporter": "wx-1"}').hexdigest()
    assert proof["rule"] == "privacy.keep_photos"


@pytest.mark.both_databases
def test_a_photo_goes_in_time_where_it_lies_though_another_machine_deletes_the_report(
    store: CaseStore, site: Site, tmp_path: Path
) -> None:
    """Two machines share a database, and each has its own folder."""
    other = replace(site, reporting=replace(site.reporting, data=tmp_path / "other"))
    of_a_case = report(store, site, "ph-2", filed(store, site, 2, "cleared").id)
    for masked, photo, rule, days in (
        (report(store, site, "ph-1"), "ph-1", "privacy.keep_photos", 91),
        (of_a_case, "ph-2", "privacy.keep_evidence", 366),
    ):
        now = REPORTED + days * DAY
        os.utime(site.reporting.data / f"evidence/{photo}", (REPORTED.timestamp(),) * 2)
        assert sweep(other, store, now) == {f"report {photo}"}
        assert masked in sweep(site, store, now)
        assert deletions(store)[masked]["rule"] == rule
        assert not (site.reporting.data / f"evidence/{photo}").exists()


@pytest.mark.both_databases
def test_a_photo_of_a_case_stays_as_long_as_its_case(store: CaseStore, site: Site) -> None:
    case = filed(store, site, 2, "cleared")
    masked = report(store, site, "ph-1", case.id)
    assert sweep(site, store, REPORTED + 365 * DAY) == set()
    assert sweep(site, store, REPORTED + 366 * DAY) == {scene(2), masked, "report ph-1"}
    assert store.case(case.id).case.evidence[0].withheld == "deleted"


@pytest.mark.both_databases
def test_who_posted_a_request_goes_first_and_the_words_with_its_case(
    store: CaseStore, site: Site
) -> None:
    _, code = site.codes.filed()["06011"]
    new = NewRequest(
        "app", Matter.CONSTRUCTION_WASTE, code, address="北京路", description="一堆",
        media_url="https://photos.example/1.jpg", contact={"phone": "138"},
    )  # fmt: skip
    site = replace(site, reporting=replace(site.reporting, targets=("spool",)))
    number = Requests(store.database).post(new, site, REPORTED)
    assert sweep(site, store, REPORTED + 30 * DAY) == set()
    assert sweep(site, store, REPORTED + 31 * DAY) == {f"contact {number}"}
    proof = deletions(store)[f"contact {number}"]
    assert "sha256" not in proof, "of a phone number it gives the number away"
    assert proof["rule"] == "privacy.keep_originals"
    store.review(number, review_of(RejectReason.MISTAKEN, "li", REPORTED + 40 * DAY))
    assert sweep(site, store, REPORTED + 70 * DAY) == set()
    assert sweep(site, store, REPORTED + 71 * DAY) == {f"request {number}"}
    (posted,) = Requests(store.database).of_cases([number])[number]
    assert (posted.contact, posted.media_url) == ({}, None)
    (told,) = Requests(store.database).find([number])
    (said,) = told.case.reports
    assert (told.description, said.description) == (None, None)
    assert (told.address, said.address, told.case.place.address) == (None, None, None)
    with store.database.read() as session:
        (message,) = session.scalars(select(DeliveryRow.body).where(DeliveryRow.case_id == number))
    assert "一堆" not in message
    assert "北京路" not in message
    assert Case.model_validate_json(message).reports[0].id == number
    assert sweep(site, store, REPORTED + 400 * DAY) == set()


@pytest.mark.both_databases
def test_where_a_citizen_says_that_it_was_goes_too_and_the_point_stays(
    store: CaseStore, site: Site
) -> None:
    """Also of a request that said nothing else; what the site file says of a camera stays."""
    _, code = site.codes.filed()["06011"]
    point = GivenPoint(112.5, 30.5, "WGS84")
    new = NewRequest("app", Matter.CONSTRUCTION_WASTE, code, point=point, address="找13812345678")
    opener = Requests(store.database).post(new, site, REPORTED)
    photo = case_from_report(
        ReportPart(id="ph-1", captured=REPORTED, address="李四家门口"), site=site,
        matter=Matter.CONSTRUCTION_WASTE, code=code, channel="_photos", point=point,
        reported=REPORTED,
    )  # fmt: skip
    assert take_report(store, photo, site, REPORTED) == opener
    report(store, site, "ph-1", opener)
    watched = filed(store, site, 2, "cleared")
    store.review(opener, review_of(RejectReason.MISTAKEN, "li", REPORTED))
    assert {f"request {opener}", "report ph-1"} <= sweep(site, store, REPORTED + 31 * DAY)
    case = store.case(opener).case
    assert [said.address for said in case.reports] == [None, None]
    place = case.place
    assert (place.address, place.lon, place.lat, place.method) == (None, 112.5, 30.5, "report")
    assert headline(case).endswith(": Open311")
    assert sweep(site, store, REPORTED + 32 * DAY) == set()
    assert sweep(site, store, REPORTED + 400 * DAY) == {scene(2)}
    assert store.case(watched.id).case.place.address == GATE.address


@pytest.mark.both_databases
def test_a_request_that_said_nothing_but_where_loses_that_as_well(
    store: CaseStore, site: Site
) -> None:
    _, code = site.codes.filed()["06011"]
    number = Requests(store.database).post(
        NewRequest("app", Matter.CONSTRUCTION_WASTE, code, address="北京路"), site, REPORTED
    )
    assert sweep(site, store, REPORTED + 364 * DAY) == set()
    assert sweep(site, store, REPORTED + 366 * DAY) == {f"request {number}"}
    assert "sha256" not in deletions(store)[f"request {number}"]
    (told,) = Requests(store.database).find([number])
    assert (told.address, told.case.place.address) == (None, None)


@pytest.mark.both_databases
def test_no_digest_of_words_outlives_them_and_a_key_stays_the_same_request(
    store: CaseStore, site: Site
) -> None:
    """Of a few words, or a number in them, a digest can be tried out."""
    _, code = site.codes.filed()["06011"]
    new = NewRequest("app", Matter.CONSTRUCTION_WASTE, code, address="找13812345678", key="draft 1")
    requests = Requests(store.database)
    number = requests.post(new, site, REPORTED)
    assert sweep(site, store, REPORTED + 366 * DAY) == {f"request {number}"}
    with store.database.read() as session:
        row = session.get(RequestRow, number)
        assert row is not None
        assert new.content not in {str(value) for value in vars(row).values()}
    assert requests.post(new, site, REPORTED + 367 * DAY) == number


def test_a_dry_run_says_what_goes_and_deletes_nothing(store: CaseStore, site: Site) -> None:
    data = site.reporting.data
    masked = report(store, site, "ph-1")
    old = file(site, "originals/gate/old.jpg", datetime.now(UTC) - 31 * DAY)
    shown = CliRunner().invoke(app, ["retention", "run", "--dry-run", "--data", str(data)])
    assert shown.stdout.splitlines() == [
        f"{old}: privacy.keep_originals",
        f"{masked}: privacy.keep_photos",
        "report ph-1: privacy.keep_photos",
    ]
    assert entries(store) == []
    done = CliRunner().invoke(app, ["retention", "run", "--data", str(data)])
    assert done.stdout == "3 files and reports deleted\n"
    assert not (data / old).exists()


KILL = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from cv.cases.store import CaseStore
from cv.evidence import retention
from cv.evidence.log import EvidenceLog
from tests.cases.filings import site_in

data, place, now, where = Path(sys.argv[1]), *sys.argv[2:5]
number = int(sys.argv[5])
calls = 0

def killing(original):
    def step(*args, **options):
        global calls
        calls += 1
        if calls > number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **options)
    return step

owner, name = {
    "unlink": (Path, "unlink"), "entry": (EvidenceLog, "write"), "rmdir": (Path, "rmdir"),
    "rows": (retention.Retention, "_forget_rows"),
}[where]
setattr(owner, name, killing(getattr(owner, name)))
with CaseStore(place) as store:
    retention.Retention(site_in(data), store.database).run(datetime.fromisoformat(now))
"""


def kill(site: Site, store: Path, now: datetime, where: str, number: int) -> int:
    """A real process that is killed after so many of these steps; gives its exit status."""
    root = Path(__file__).parents[2]
    arguments = [site.reporting.data, store, now.isoformat(), where, number]
    return subprocess.run(
        [sys.executable, "-c", KILL, *map(str, arguments)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    ).returncode


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("unlink", 0), ("unlink", 2), ("rows", 0), ("rmdir", 0), ("entry", 4),
    ],
)  # fmt: skip
def test_a_run_that_is_killed_is_finished_by_the_next_and_no_proof_is_missing(
    store: CaseStore, store_path: Path, site: Site, where: str, number: int
) -> None:
    now = REPORTED + 400 * DAY
    case = filed(store, site, 2, "cleared")
    all_files = {
        scene(2),
        report(store, site, "ph-1"),
        *(file(site, f"originals/gate/{n}.jpg", REPORTED, b"%d" % n) for n in range(4)),
    }
    data = site.reporting.data
    assert kill(site, store_path, now, where, number) == -signal.SIGKILL
    missing = {name for name in all_files if not (data / name).exists()}
    assert missing <= set(deletions(store)), "nothing was deleted without its proof"

    Retention(site, store.database).run(now)
    assert not any((data / name).exists() for name in all_files)
    assert {*all_files, "report ph-1"} == set(deletions(store))
    assert reports(store) == []
    assert [item.withheld for item in store.case(case.id).case.evidence] == ["deleted"]
    assert list((data / "evidence").iterdir()) == []
    runs = [entry for entry in entries(store) if entry["action"] == "retention"]
    ends = {run["run"]: run["count"] for run in runs if run["outcome"] == "done"}
    assert ends.keys() == {run["run"] for run in runs}, "each run has its end"
    assert sum(ends.values()) == len(all_files) + 1, "each thing is counted once"


def test_a_run_on_another_folder_does_not_speak_for_one_that_was_killed(
    store: CaseStore, site: Site, tmp_path: Path
) -> None:
    """Two machines share a database."""
    other = replace(site, reporting=replace(site.reporting, data=tmp_path / "other"))
    now = datetime.now(UTC)
    for place in (site, other):
        for name in ("a", "b"):
            file(place, f"originals/gate/{name}.jpg", now - 31 * DAY)
    assert kill(site, tmp_path / "data/cases.sqlite", now, "unlink", 1) == -signal.SIGKILL
    Retention(other, store.database).run(now)
    assert [e["outcome"] for e in entries(store) if e["action"] == "retention"] == [
        "begun", "begun", "done",
    ]  # fmt: skip
    Retention(site, store.database).run(now)
    counts = [e["count"] for e in entries(store) if e["outcome"] == "done"]
    assert counts == [2, 1, 1]


@pytest.mark.both_databases
def test_what_cannot_be_deleted_is_told_and_tried_again(store: CaseStore, site: Site) -> None:
    case = filed(store, site, 2, "cleared")
    now = datetime.now(UTC)
    site = replace(site, privacy=replace(site.privacy, keep_evidence_s=0.0))
    odd = site.reporting.data / "evidence" / case.id / "folder"
    odd.mkdir()
    found = Retention(site, store.database).run(now)
    assert found.failed
    assert "folder" in found.failed[0]
    assert entries(store)[-1]["outcome"] == "failed"
    assert store.case(case.id).case.evidence[0].withheld is None
    odd.rmdir()
    assert Retention(site, store.database).run(now).failed == []
    assert store.case(case.id).case.evidence[0].withheld == "deleted"


def test_a_folder_that_cannot_be_read_is_told_and_its_pictures_are_not_said_to_be_gone(
    store: CaseStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch that was begun by root once leaves such folders."""
    case, now = filed(store, site, 2, "cleared"), REPORTED + 400 * DAY
    masked = report(store, site, "ph-1")
    others = file(site, "originals/gate/old.jpg", REPORTED)
    roots = file(site, "originals/roots/old.jpg", REPORTED)
    closed = {"originals/roots", "evidence/ph-1", f"evidence/{case.id}"}
    listed = Path.iterdir

    def readable(folder: Path) -> Iterator[Path]:
        if folder.relative_to(site.reporting.data).as_posix() in closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return listed(folder)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", readable)
        found = Retention(site, store.database).run(now)
    assert sorted(found.failed) == sorted(f"{name}: Permission denied" for name in closed)
    assert set(deletions(store)) == {others}, "nothing else is kept back"
    assert store.case(case.id).case.evidence[0].withheld is None
    assert sweep(site, store, now) == {roots, masked, "report ph-1", scene(2)}


def test_a_name_that_is_no_text_keeps_nothing_else_back(store: CaseStore, site: Site) -> None:
    ours = file(site, frame_file("originals", "gate", START), START)
    strange = site.reporting.data / "originals/gate" / os.fsdecode("街道.jpg".encode("gbk"))
    strange.write_bytes(PICTURE)
    os.utime(strange, (START.timestamp(), START.timestamp()))
    result = Retention(site, store.database).run(START + 90 * DAY)
    assert not (site.reporting.data / ours).exists()
    assert strange.exists()
    (failure,) = result.failed
    assert "its name is not UTF-8" in failure
    failure.encode()


def test_without_its_proof_nothing_is_deleted(store: CaseStore, site: Site) -> None:
    old = file(site, "originals/gate/old.jpg", REPORTED)
    place = site.reporting.data / "cases.sqlite"
    with (
        CaseStore(f"sqlite:///file:{place}?mode=ro&uri=true") as full,
        pytest.raises(KerbwatchError, match="readonly"),
    ):
        Retention(site, full.database).run(REPORTED + 99 * DAY)
    assert (site.reporting.data / old).exists()


@pytest.mark.both_databases
def test_one_process_deletes_at_a_time(store: CaseStore, site: Site) -> None:
    file(site, "originals/gate/old.jpg", REPORTED)
    with (site.reporting.data / "retention.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunningError):
            Retention(site, store.database).run(REPORTED + 99 * DAY)
    assert sweep(site, store, REPORTED + 99 * DAY) == {"originals/gate/old.jpg"}


def test_a_disk_without_locks_keeps_nothing_for_ever(
    store: CaseStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every run would take itself for the second one, and say nothing."""

    def without_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without_locks)
    old = file(site, "originals/gate/old.jpg", REPORTED)
    assert sweep(site, store, REPORTED + 99 * DAY) == {old}


@pytest.mark.both_databases
def test_old_entries_of_the_log_go_with_the_rest(store: CaseStore, site: Site) -> None:
    file(site, "originals/gate/old.jpg", REPORTED)
    Retention(site, store.database).run(REPORTED + 99 * DAY)
    now = datetime.now(UTC)
    assert Retention(site, store.database).run(now + 399 * DAY).pruned == 0
    assert Retention(site, store.database).run(now + 401 * DAY).pruned == 3
    assert [entry["action"] for entry in entries(store)] == ["prune"]
