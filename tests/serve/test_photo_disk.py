"""Photos on a disk that takes no pictures: what has a case loses none, others are answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.detect.photo import decode_photo
from cv.disk import DiskLimits
from cv.labels import Matter
from cv.photos.desk import PhotoDesk
from cv.photos.look import look_at
from cv.photos.triage import Report
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import START
from tests.serve.conftest import LIMITS, jpeg
from tests.serve.test_photo_reports import HERE, NOON, send

FIELDS = {**HERE, **NOON, "category": "blocked_lane"}
FULL = DiskLimits(no_pictures_below=10**18)


def pictures(site: Site) -> list[str]:
    """What was written, whole or in part."""
    data = site.reporting.data
    found = (file for name in ("originals", "evidence") for file in (data / name).rglob("*"))
    return sorted(file.parts[-2] for file in found if file.is_file())


@pytest.mark.parametrize("refused", ["originals", "evidence"])
def test_a_report_whose_pictures_cannot_be_written_is_whole_when_it_is_sent_again(
    desk: TestClient, store: CaseStore, place: Site, refused: str
) -> None:
    """Whichever it is: a case without pictures would be one for good."""
    in_the_way = place.reporting.data / refused
    in_the_way.write_text("")  # so that the folder cannot be made
    status, answer = send(desk, jpeg(), jpeg(shade=60), key="k", report="true", **FIELDS)
    assert (status, "send it again" in answer["detail"]) == (503, True)
    assert answer["detail_zh"]
    assert pictures(place) == []
    assert list(store.every_case()) == []
    in_the_way.unlink()
    status, answer = send(desk, jpeg(), jpeg(shade=60), key="k", report="true", **FIELDS)
    assert status == 200
    assert [image["evidence"]["withheld"] for image in answer["images"]] == [None, None]
    assert pictures(place) == ["_photos"] * 2 + [answer["id"]] * 2
    assert len(store.case(answer["case"]["id"]).case.evidence) == 2


def test_of_a_photo_without_a_case_what_can_be_written_is_kept(
    desk: TestClient, place: Site
) -> None:
    (place.reporting.data / "originals").write_text("")
    status, answer = send(desk, jpeg(), **FIELDS)
    assert status == 200
    assert desk.get(answer["images"][0]["evidence"]["url"]).status_code == 200
    (place.reporting.data / "evidence").rename(place.reporting.data / "other")
    (place.reporting.data / "evidence").write_text("")
    status, answer = send(desk, jpeg(shade=60), **FIELDS)
    assert status == 200
    assert answer["images"][0]["evidence"]["withheld"] == "not stored"
    assert desk.get(f"/v1/photos/{answer['id']}").status_code == 200


def test_a_report_that_there_is_no_room_for_is_to_be_sent_again(
    detector: Detector, place: Site, store: CaseStore
) -> None:
    """Its pictures are all that it has; answers without a case need none."""
    full = replace(place, disk=FULL)
    with TestClient(create_app(detector, full, limits=LIMITS, store=store)) as client:
        status, answer = send(client, jpeg(), report="true", **FIELDS)
        assert (status, answer["detail"][:16]) == (503, "there is no room")
        status, answer = send(client, jpeg(), **FIELDS)
        assert (status, answer["images"][0]["evidence"]["withheld"]) == (200, "not stored")
        assert pictures(place) == []
        assert list(store.every_case()) == []


def test_a_report_is_not_kept_without_pictures_though_the_room_went_meanwhile(
    detector: Detector, place: Site, store: CaseStore
) -> None:
    """There was room when it was asked for; then its pictures were analysed."""
    data = jpeg()
    look = look_at(data, decode_photo(data), [], detector, place.privacy)
    desk = PhotoDesk(replace(place, disk=FULL), store.database)
    for report in (True, False):
        said = Report(report=report, address="北京路", category=Matter.BLOCKED_LANE)
        stored, kept = desk.take(
            [look], said, f"{report}", detector=detector, now=START, elapsed_s=0.1
        )
        assert (stored.case, kept) == (None, not report)
        assert (desk.get(stored.record.id) is None) is report
