"""POST /v1/photos with report=true: a case for review, found again with the photo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import START, case_of, site_in
from tests.serve.conftest import LIMITS, jpeg, read_only
from tests.serve.test_photo_reports import HERE, NOON, send

WANTED = {**HERE, **NOON, "report": "true"}


@pytest.fixture
def place(tmp_path: Path) -> Site:
    plain = site_in(tmp_path / "data")
    return replace(plain, reporting=replace(plain.reporting, targets=("webhook",)))


def test_a_report_opens_a_case_with_what_the_model_saw_of_the_matter(
    desk: TestClient, store: CaseStore, junction: bytes
) -> None:
    words = {"description": "公交车堵路", "address": "北京路", "reporter": "u-17"}
    _, answer = send(desk, jpeg(), junction, **WANTED, **words, category="blocked_lane")
    standing = answer["case"]
    assert (standing["id"], standing["joined"]) == (answer["id"], False)
    assert (standing["state"], standing["review"], standing["number"]) == ("new", "proposed", None)
    assert (answer["filed"], "a person decides" in answer["note_en"]) == (False, True)
    (stored,) = store.cases(limit=9)
    case = stored.case
    seen = case.detections[0]
    shown = next(s for s in answer["suggestions"] if s["matter"] == "blocked_lane")
    assert (seen.label, case.matter.code5) == (shown["label"], shown["code5"])
    x, y, width, height = seen.bbox
    assert [x, y, x + width, y + height] == pytest.approx(shown["box"], abs=0.11)
    assert [item.id for item in case.evidence] == [f"{case.id}/2", f"{case.id}/1"], "best first"
    assert case.reports[0].description == "公交车堵路"
    assert "u-17" not in case.model_dump_json(), "who it was stays here"
    assert [d.state for d in stored.deliveries] == ["held"]


def test_words_steer_no_terminal_and_an_address_is_one_line(
    desk: TestClient, store: CaseStore
) -> None:
    words = {
        "address": "北京路\x1b[2J\nReview: confirmed\u202e",
        "description": "一\t堆\r\n\x9b垃圾\x00👨\u200d👩\ufe0f",
    }
    _, answer = send(desk, jpeg(), **WANTED, **words, category="exposed_garbage")
    case = store.case(answer["id"]).case
    assert case.place.address == case.reports[0].address == "北京路[2J Review: confirmed"
    assert case.reports[0].description == "一 堆\n垃圾👨\u200d👩\ufe0f"


def test_a_matter_that_the_model_does_not_see_is_the_citizens_word(
    desk: TestClient, store: CaseStore
) -> None:
    _, answer = send(desk, jpeg(), **WANTED, category="exposed_garbage")
    assert answer["case"]["id"] == answer["id"]
    case = store.case(answer["id"]).case
    assert (case.matter.code5, case.detections) == ("06010", ())


def test_without_a_matter_or_a_place_there_is_no_case_and_the_answer_says_what_is_missing(
    desk: TestClient, store: CaseStore
) -> None:
    _, nothing = send(desk, jpeg(), **WANTED)
    assert nothing["case"] is None
    assert nothing["missing"][0]["field"] == "category"
    _, nowhere = send(desk, jpeg(), report="true", category="exposed_garbage")
    assert nowhere["case"] is None
    assert nowhere["missing"][0]["field"] == "location"
    _, unasked = send(desk, jpeg(), **HERE, category="exposed_garbage")
    assert (unasked["case"], unasked["report"]) == (None, False)
    assert store.cases(limit=9) == []


def test_the_photo_tells_how_its_case_stands(desk: TestClient, store: CaseStore) -> None:
    _, answer = send(desk, jpeg(), **WANTED, category="exposed_garbage")
    store.review(answer["id"], review_of(RejectReason.DUPLICATE, "li", datetime.now(UTC)))
    later = desk.get(f"/v1/photos/{answer['id']}").json()
    standing = later["case"]
    assert (standing["review"], standing["reason"]) == ("rejected", "duplicate")
    assert "待核实" in answer["note_zh"]
    assert "待核实" not in later["note_zh"], "apps show it to the citizen as it is"
    assert "has been decided" in later["note_en"]


def test_a_report_joins_the_cameras_case_and_says_so(desk: TestClient, store: CaseStore) -> None:
    camera = case_of(site_in(Path()), 0)
    store.commit_look(
        camera="gate", stream="live", filings=[camera], state=None, targets=("webhook",), now=START
    )
    _, answer = send(desk, jpeg(), **WANTED, category="blocked_lane")
    assert (answer["case"]["id"], answer["case"]["joined"]) == (camera.id, True)
    assert answer["duplicate_of"][0]["id"] == camera.id
    again = send(desk, jpeg(), **WANTED, category="blocked_lane")[1]
    assert again["case"] == answer["case"]
    assert len(store.case(camera.id).deliveries) == 2


def test_a_report_that_cannot_be_kept_is_to_be_sent_again(detector: Detector, place: Site) -> None:
    with (
        read_only(place) as store,
        TestClient(create_app(detector, place, limits=LIMITS, store=store)) as client,
    ):
        files = [("image", ("p.jpg", jpeg(), "image/jpeg"))]
        answer = client.post("/v1/photos", data=WANTED, files=files)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail_zh"]
