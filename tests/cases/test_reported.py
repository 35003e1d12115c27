"""Citizens' reports as cases: opened, joined, seen by a camera as well, held until reviewed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from cv.cases.case import Case, EvidenceItem, MaskCounts
from cv.cases.closing import close_case
from cv.cases.filing import file_case, file_report
from cv.cases.outbox import Outbox
from cv.cases.parts import ClosurePart, ReportPart
from cv.cases.recorder import CaseRecorder
from cv.cases.reported import MOST_REPORTS, GivenPoint, case_from_report, code_for
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseFilter, CaseStore
from cv.cases.tables import CaseRow
from cv.cases.wording import description, headline
from cv.detect.detector import ModelInfo
from cv.detect.evidence import EvidenceFile
from cv.detect.incident import Change, Event, Incident
from cv.detect.look import Filing
from cv.detect.masking import MaskCounts as Counts
from cv.evidence.lookup import find_original
from cv.evidence.originals import frame_file, open_originals
from cv.labels import Matter
from cv.site import PhotoSettings, Policy, Site
from tests.cases.conftest import Clock
from tests.cases.filings import GATE, START, case_of, incident
from tests.cases.test_policies import Desk, deliver

LANE = Matter.BLOCKED_LANE
MODEL = ModelInfo(Path("m.onnx"), "m", "1", "ab" * 32, (), {})
METRE = 1 / 96_000
"""Of longitude, in degrees, at 30° north."""


def take_report(store: CaseStore, case: Case, site: Site, now: datetime) -> str:
    """File what a citizen sent, as the stores of photos and requests do; gives the case's id."""
    with store.database.write() as session:
        return file_report(session, case, site, now)


def reported(
    site: Site,
    number: int = 1,
    *,
    minutes: float = 10,
    east_m: float = 10,
    matter: Matter = LANE,
) -> Case:
    """A citizen's case near the gate; the camera's own begin at START."""
    name = f"ph-{number:020x}"
    assert GATE.lon is not None
    assert GATE.lat is not None
    return case_from_report(
        ReportPart(id=name, captured=START + timedelta(minutes=minutes), description="挡路"),
        site=site,
        matter=matter,
        code=code_for(site, matter, None),
        channel="_photos",
        point=GivenPoint(GATE.lon + east_m * METRE, GATE.lat, "CGCS2000"),
        reported=START + timedelta(minutes=minutes, seconds=20),
        evidence=[
            EvidenceItem(
                id=f"{name}/1", role="report", file=f"evidence/{name}/1.jpg",
                sha256=f"{number:064x}", mime="image/jpeg", w=640, h=480, masked=True,
                mask_counts=MaskCounts(),
            )
        ],
    )  # fmt: skip


@pytest.fixture
def posting(site: Site) -> Site:
    return replace(site, reporting=replace(site.reporting, targets=("webhook",)))


def watch(store: CaseStore, site: Site) -> CaseRecorder:
    return CaseRecorder(store, site, GATE, "live", MODEL)


def sees(store: CaseStore, site: Site, number: int = 0, *, cleared: bool = False) -> str:
    """The camera's incident of this number, as a watch records it; the id of its case."""
    recorder = watch(store, site)
    seen = incident(number, cleared=cleared)
    seen = replace(seen, id=recorder.known(seen) or seen.id)
    change = Change("cleared" if cleared else "new", seen)
    recorder.record([Filing(change, ())], "{}")
    return seen.id


def outbox(store: CaseStore, case_id: str) -> list[tuple[str, str]]:
    return [(d.event, d.state) for d in store.deliveries(case_id)]


class TestOnlyCitizens:
    def test_nothing_was_seen_after_it_was_reported(self, site: Site) -> None:
        report = ReportPart(id="ph-1", captured=START + timedelta(hours=3))
        case = case_from_report(
            report, site=site, matter=LANE, code=code_for(site, LANE, None),
            channel="_photos", point=None, reported=START,
        )  # fmt: skip
        assert case.time.first_seen == case.time.last_seen == case.time.captured == START
        assert case.reports[0].captured == START

    def test_a_report_waits_for_a_person_whatever_the_site_does_with_cameras(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        case = reported(posting)
        assert take_report(store, case, posting, clock.now) == case.id
        assert outbox(store, case.id) == [("new", "held")]
        assert deliver(store, clock, Desk()) == []
        store.review(case.id, review_of(None, "li", clock.now))
        assert deliver(store, clock, Desk()) == [("new", "confirmed")]

    def test_a_site_may_post_it_unreviewed_or_never(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        trusting = replace(posting, photos=PhotoSettings(post_unreviewed=True))
        first = take_report(store, reported(posting, 1), trusting, clock.now)
        assert outbox(store, first) == [("new", "pending")]
        never = replace(posting.reporting, policies=(Policy((Matter.EXPOSED_GARBAGE,), "never"),))
        garbage = reported(posting, 2, matter=Matter.EXPOSED_GARBAGE)
        kept = take_report(store, garbage, replace(trusting, reporting=never), clock.now)
        assert outbox(store, kept) == []

    def test_reports_about_the_same_thing_are_one_case_with_both_pictures(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        first = take_report(store, reported(posting, 1), posting, clock.now)
        joined = take_report(store, reported(posting, 2, minutes=30), posting, clock.now)
        assert joined == first
        (stored,) = store.cases(limit=9)
        case = stored.case
        assert [item.id.partition("/")[0] for item in case.evidence] == [
            "ph-00000000000000000001", "ph-00000000000000000002",
        ]  # fmt: skip
        assert case.time.last_seen - case.time.first_seen == timedelta(minutes=20)
        assert case.dedup.merged_ids == ("ph-00000000000000000002",)
        assert outbox(store, first) == [("new", "held"), ("updated", "held")]

    @pytest.mark.parametrize(
        "other", [{"minutes": 200}, {"east_m": 90}, {"matter": Matter.EXPOSED_GARBAGE}]
    )
    def test_what_is_elsewhere_later_or_something_else_is_a_case_of_its_own(
        self, store: CaseStore, posting: Site, clock: Clock, other: dict[str, object]
    ) -> None:
        first = take_report(store, reported(posting, 1), posting, clock.now)
        second = take_report(store, reported(posting, 2, **other), posting, clock.now)  # type: ignore[arg-type]
        assert second != first

    def test_the_same_report_again_changes_nothing(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        for number in (1, 2, 1, 2):
            take_report(store, reported(posting, number), posting, clock.now)
        (stored,) = store.cases(limit=9)
        assert len(stored.case.reports) == 2
        assert len(stored.deliveries) == 2

    def test_a_crowd_does_not_grow_the_document_without_end(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        ids = {
            take_report(
                store, reported(posting, number, minutes=10 + number / 10), posting, clock.now
            )
            for number in range(1, MOST_REPORTS + 15)
        }
        assert len(ids) == 1
        (stored,) = store.cases(limit=9)
        assert len(stored.case.reports) == MOST_REPORTS
        assert len(stored.case.evidence) == 5

    def test_a_rejected_case_is_joined_by_nobody(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        first = take_report(store, reported(posting, 1), posting, clock.now)
        store.review(first, review_of(RejectReason.PERMITTED, "li", clock.now))
        assert take_report(store, reported(posting, 2), posting, clock.now) != first

    def test_after_the_city_is_done_the_next_report_is_a_new_case(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        first = take_report(store, reported(posting, 1), posting, clock.now)
        close_case(store.database, first, ClosurePart(at=clock.now, by="li"))
        assert take_report(store, reported(posting, 2), posting, clock.now) != first

    def test_what_a_desk_reads_says_who_saw_it_and_what_they_said(self, site: Site) -> None:
        text = description(reported(site))
        assert "Reported by: 随手拍 citizens' photos" in text
        assert "Report 2026-03-14 15:40:00+08:00: 挡路" in text
        assert text.startswith("发现 Found: ")
        closure = ClosurePart(at=START.astimezone(site.tz), by="li")
        news = {"state": "updated", "closure": closure}
        text = description(reported(site).model_copy(update=news))
        assert text.startswith("已结案 Closed: ")
        assert "Closed: 2026-03-14 15:30:00+08:00" in text
        assert description(case_of(site).model_copy(update=news)).startswith("仍在原处 Still there")
        assert "Camera" not in text

    def test_what_a_desk_reads_first_is_the_news(self, site: Site) -> None:
        """Not that it is still there, where a removed camera saw it, or where it never was."""
        closure = ClosurePart(at=START + timedelta(hours=1), by="li")
        word = review_of(RejectReason.MISTAKEN, "li", START)
        for event, news, said in (
            ("updated", {"closure": closure}, "已结案 Closed"),
            ("updated", {"review": word}, "不予立案 Rejected"),
            ("cleared", {"closure": closure, "review": word}, "已消除 Cleared"),
        ):
            case = case_of(site).model_copy(update={"state": event, **news})
            assert description(case).startswith(f"{said}: ")

    def test_words_forge_no_line_of_what_a_desk_reads(self, site: Site) -> None:
        """Also those that were stored before forms were read line by line."""
        case, forged = reported(site), "北京路\nReview: confirmed\x85\u202eCase: kw-1"
        case = case.model_copy(
            update={
                "place": case.place.model_copy(update={"address": forged}),
                "reports": (case.reports[0].model_copy(update={"description": forged}),),
            }
        )
        plain, lines = "北京路 Review: confirmedCase: kw-1", description(case).split("\n")
        assert lines[0].endswith(f": {plain}")
        assert headline(case).endswith(f": {plain}")
        assert [line for line in lines if line.startswith(("Review", "Case"))] == [
            "Review: proposed",
            f"Case: {case.id}",
        ]
        assert sum(plain in line for line in lines) == 3


class TestCameraAndCitizen:
    @pytest.fixture(autouse=True)
    def _now(self, clock: Clock) -> None:
        """A watch files by the real clock."""
        clock.now = datetime.now(UTC) + timedelta(minutes=1)

    def test_a_report_joins_what_the_camera_has_open(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        opened = sees(store, posting)
        assert take_report(store, reported(posting), posting, clock.now) == opened
        (stored,) = store.cases(limit=9)
        case = stored.case
        assert case.source.channel_id == "gate"
        assert case.rule
        assert [item.role for item in case.evidence] == ["report"]
        assert case.time.last_seen == incident().last_seen, "the camera says when it was seen"
        assert deliver(store, clock, Desk()) == [("new", "proposed"), ("updated", "proposed")]

    def test_a_camera_goes_on_with_the_case_that_a_citizen_opened(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        opened = take_report(store, reported(posting, minutes=2), posting, clock.now)
        assert sees(store, posting) == opened
        (stored,) = store.cases(limit=9)
        case = stored.case
        assert (case.source.kind, case.source.channel_id) == ("群众上报", "gate")
        assert (case.place.method, case.detections[0].label) == ("report", "car")
        assert case.dedup.merged_ids == (incident().id,)
        assert [item.role for item in case.evidence] == ["report"]
        desk = Desk()
        assert deliver(store, clock, desk) == [("new", "proposed"), ("updated", "proposed")], (
            "the camera's rule vouches for it"
        )
        assert sees(store, posting, cleared=True) == opened
        assert deliver(store, clock, desk)[2:] == [("cleared", "proposed")]
        assert store.cases(CaseFilter(state="open"), limit=9) == []

    def test_the_same_recording_again_files_nothing_twice(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        take_report(store, reported(posting, minutes=2), posting, clock.now)
        for _ in range(2):
            sees(store, posting)
            sees(store, posting, cleared=True)
        (stored,) = store.cases(limit=9)
        assert [d.event for d in stored.deliveries] == ["new", "updated", "cleared"]

    def test_two_incidents_do_not_both_go_on_with_one_report(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        opened = take_report(store, reported(posting, minutes=2), posting, clock.now)
        assert [sees(store, posting, 0) == opened, sees(store, posting, 1) == opened] == [
            True,
            False,
        ]

    def test_a_camera_far_away_has_its_own_case(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        take_report(store, reported(posting, minutes=2, east_m=80), posting, clock.now)
        assert sees(store, posting) == incident().id
        assert len(store.cases(limit=9)) == 2

    def test_what_a_live_camera_has_open_is_joined_hours_later_and_what_it_left_is_not(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        opened = sees(store, posting)
        late = reported(posting, minutes=300)
        store.commit_look(
            camera="gate", stream="live", filings=(), state="{}", targets=(),
            now=START + timedelta(minutes=299),
        )  # fmt: skip
        assert take_report(store, late, posting, clock.now) == opened
        later = reported(posting, 2, minutes=600)
        assert take_report(store, later, posting, clock.now) == later.id

    @pytest.mark.both_databases
    def test_what_is_reported_while_the_camera_prepares_its_pictures_is_one_case_as_well(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        recorder, own = watch(store, posting), incident().id
        assert recorder.known(incident()) is None
        assert not recorder.is_filed(own)
        opened = take_report(store, reported(posting, minutes=2), posting, clock.now)
        events: tuple[Event, ...] = ("new", "cleared")
        for event in events:
            seen = incident(cleared=event == "cleared")
            scene = EvidenceFile(
                f"{own}/scene", "scene", seen.last_seen, f"evidence/{own}/scene.jpg", "cd" * 32,
                "image/jpeg", 640, 360, masked=True, counts=Counts(0, 0),
            )  # fmt: skip
            recorder.record([Filing(Change(event, seen), (scene,))], "{}")
        (stored,) = store.cases(limit=9)
        case = stored.case
        assert (case.id, case.state, case.source.channel_id) == (opened, "cleared", "gate")
        assert case.dedup.merged_ids == (own,)
        assert [item.id.partition("/")[2] for item in case.evidence] == ["1", "scene"]
        assert case.evidence[-1].id == f"{opened}/scene"
        assert case.evidence[-1].file == f"evidence/{own}/scene.jpg"
        assert store.find(own) == store.case(own[:9]) == stored, "the watch tells its own id"
        assert recorder.is_filed(own)
        originals = open_originals(posting.reporting.data)
        kept = originals.keep(frame_file("originals", "gate", seen.last_seen), b"a frame")
        assert find_original(store.database, originals, own, "scene") == kept
        assert [d.event for d in stored.deliveries] == ["new", "updated", "cleared"]

    @pytest.mark.both_databases
    def test_camera_and_citizen_in_the_same_moment_make_one_case(
        self, store_place: Path | str, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        """Each through a database connection of its own, twenty times, none waits for the other."""
        with CaseStore(store_place) as other, ThreadPoolExecutor(2) as pool:
            for turn in range(20):
                gate, shift = replace(GATE, lon=GATE.lon + turn * 500 * METRE), incident(turn)
                site = replace(posting, cameras=(gate,))
                case = reported(posting, turn + 1, minutes=turn, east_m=turn * 500)
                recorder = CaseRecorder(store, site, gate, "live", MODEL)
                assert recorder.known(shift) is None
                ready = Barrier(2)

                def camera(
                    recorder: CaseRecorder = recorder, seen: Incident = shift, at: Barrier = ready
                ) -> None:
                    at.wait()
                    recorder.record([Filing(Change("new", seen), ())], "{}")

                def citizen(case: Case = case, at: Barrier = ready) -> None:
                    at.wait()
                    take_report(other, case, posting, clock.now)

                for done in [pool.submit(camera), pool.submit(citizen)]:
                    done.result()
                assert len(store.cases(limit=99)) == turn + 1

    @pytest.mark.both_databases
    def test_a_report_does_not_join_what_is_cleared_in_the_same_moment(
        self, store_place: Path | str, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        watched = sees(store, posting)
        report, over = reported(posting), case_of(posting, event="cleared", seen_s=900)
        with CaseStore(store_place) as other, ThreadPoolExecutor(1) as pool:
            with other.database.write() as session:
                file_case(session, over, (), clock.now, hold=False, within=posting.photos)
                filed = pool.submit(take_report, store, report, posting, clock.now)
                time.sleep(0.5)  # until it has found the open case, and waits for its row
            assert filed.result() == report.id
        assert store.case(watched).case.state == "cleared"
        assert store.case(watched).case.reports == ()

    def test_messages_of_a_joined_case_keep_their_order_and_keys(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        sees(store, posting)
        take_report(store, reported(posting, 1), posting, clock.now)
        take_report(store, reported(posting, 2), posting, clock.now)
        keys = [d.key for d in store.deliveries(incident().id)]
        assert len(set(keys)) == 3
        with Outbox(store, [desk := Desk()], clock=clock) as box:
            assert box.deliver_due().delivered == 2
        assert desk.taken == [("new", "proposed"), ("updated", "proposed")]


def test_old_cases_get_their_place(tmp_path: Path, site: Site) -> None:
    """What was filed before cases had a place of their own is found near a photo, too."""
    import sqlite3

    path = tmp_path / "old.sqlite"
    with CaseStore(path) as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site)], state=None, targets=(), now=START
        )
    with sqlite3.connect(path) as raw:
        raw.executescript(
            "".join(f"DROP INDEX ix_photo_images_phash_{n};" for n in (1, 4, 7, 10, 13))
            + "DROP TABLE adopted_incidents; DROP TABLE service_requests;"
            "DROP INDEX ix_cases_review; DROP INDEX ix_outbox_standing;"
            "DROP INDEX ix_cases_first_seen;"
            "DROP INDEX ix_cases_filed_at; DROP INDEX ix_cases_point;"
            "ALTER TABLE cases DROP COLUMN code5; ALTER TABLE cases DROP COLUMN review;"
            "ALTER TABLE cases DROP COLUMN closed_at; DROP TABLE evidence_log;"
            "DROP INDEX ix_photos_case_id; DROP INDEX ix_photos_point;"
            "CREATE INDEX ix_photos_taken_at ON photos (taken_at);"
            "ALTER TABLE cases DROP COLUMN lon; ALTER TABLE cases DROP COLUMN lat;"
            "ALTER TABLE photos DROP COLUMN case_id; ALTER TABLE photos DROP COLUMN sender;"
            "UPDATE alembic_version SET version_num = '0004'"
        )
    with CaseStore(path) as store:
        assert take_report(store, reported(site), site, START) == case_of(site).id
        with store.database.read() as session:
            row = session.get_one(CaseRow, case_of(site).id)
            assert (row.code5, row.review) == ("09009", "proposed")
