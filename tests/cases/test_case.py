"""The case document: what a receiver is told, in its form."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from cv.cases.case import Case, case_from_incident, case_schema
from cv.cases.continued import continued
from cv.site import Camera, GivenPoint, Place, Site
from tests.cases.filings import GATE, KERB, MODEL, START, case_of, incident, picture


def test_a_case_says_what_where_when_and_why(site: Site) -> None:
    case = case_of(site, evidence=(picture(site),))
    assert case.id == incident().id
    assert (case.matter.code5, case.matter.code11) == ("09009", "42100209009")
    assert (case.matter.name_zh, case.matter.legacy_2013) == ("机动车乱停放", "04-09")
    assert case.source.camera_gb_id == GATE.gb_id
    assert (case.place.street9, case.place.community12) == ("421002001", "421002001001")
    assert (case.place.lon, case.place.coord_sys) == (112.2551, "CGCS2000")
    seen = case.detections[0]
    assert (seen.bbox, seen.bbox_format, seen.image_wh) == (
        (0, 100, 80, 60),
        "xywh_px",
        (1920, 1080),
    )
    assert (seen.dwell_s, seen.looks, seen.hits) == (300, 300, 290)
    assert (seen.roi.id, seen.roi.type) == ("kerb", "lane")
    assert (case.rule.id, case.rule.dwell_s, case.rule.active) == ("lane/car", 300, "always")
    assert case.model == MODEL
    assert (case.dedup.key, case.dedup.window_s) == (f"gate|kerb|blocked_lane|{case.id}", 3600)
    assert case.privacy.faces_masked
    assert case.privacy.plates_masked


def test_kerbwatch_only_proposes_and_guesses_no_department_or_limit(site: Site) -> None:
    case = case_of(site)
    assert case.review.state == "proposed"
    assert case.review.by is None
    assert case.dept is None
    assert case.limit is None


def test_every_time_is_written_with_the_offset_of_the_site(site: Site) -> None:
    times = json.loads(case_of(site, event="cleared").model_dump_json())["time"]
    assert times["first_seen"] == "2026-03-14T15:30:00+08:00"
    assert set(times) == {"first_seen", "confirmed", "last_seen", "cleared", "captured", "reported"}
    assert all(text.endswith("+08:00") for text in times.values())


@pytest.mark.parametrize(("event", "after_s"), [("new", 300), ("updated", 420), ("cleared", 1020)])
def test_captured_is_when_the_picture_of_this_change_was_taken(
    site: Site, event: str, after_s: int
) -> None:
    case = case_of(site, event=event, seen_s=300 if event == "new" else 420)  # type: ignore[arg-type]
    assert case.time.captured == START + timedelta(seconds=after_s)


def test_a_naive_time_is_refused(site: Site) -> None:
    document = case_of(site).model_dump()
    document["time"]["first_seen"] = datetime(2026, 3, 14)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValidationError, match="timezone"):
        Case.model_validate(document)


def test_a_converted_point_keeps_its_original(site: Site) -> None:
    camera = replace(GATE, given=GivenPoint(112.26, 30.31, "GCJ-02"))
    case = case_from_incident(
        incident(),
        site=site,
        camera=camera,
        zone=KERB,
        evidence=[],
        model=MODEL,
        reported=START,
        event="new",
    )
    assert case.place.given is not None
    assert case.place.given.coord_sys == "GCJ-02"


def test_a_camera_without_a_place_makes_a_case_without_one(site: Site) -> None:
    bare = replace(GATE, lon=None, lat=None, address=None, community=None, grid=None, gb_id=None)
    case = case_from_incident(
        incident(),
        site=replace(site, division=None),
        camera=bare,
        zone=KERB,
        evidence=[],
        model=MODEL,
        reported=START,
        event="new",
    )
    place = case.place.model_dump(exclude={"method"})
    assert not any(place.values())
    assert case.matter.code11 is None


@pytest.mark.parametrize(
    ("camera", "outside_m"),
    [
        (replace(GATE, place=Place(GATE.community, GATE.grid, None, None, 41.26)), 41.3),
        (replace(GATE, place=Place(GATE.community, GATE.grid, None, None)), 0.0),
        (replace(GATE, place=Place("421002001009", None, None, None, 41.26)), None),
        (GATE, None),
    ],
    ids=["nearest", "inside", "written otherwise", "no map"],
)
def test_a_case_says_how_far_outside_its_area_the_camera_is(
    site: Site, camera: Camera, outside_m: float | None
) -> None:
    case = case_from_incident(
        incident(),
        site=site,
        camera=camera,
        zone=KERB,
        evidence=[],
        model=MODEL,
        reported=START,
        event="new",
    )
    assert case.place.outside_m == outside_m
    assert Case.model_validate_json(case.model_dump_json()) == case


def test_keys_are_derived_and_differ_by_change(site: Site) -> None:
    keys = [
        case_of(site, event="new").key,
        case_of(site, event="updated", seen_s=900).key,
        case_of(site, event="updated", seen_s=900.5).key,
        case_of(site, event="cleared").key,
    ]
    assert keys == [
        f"{incident().id}.new",
        f"{incident().id}.updated.20260314T074500000Z",
        f"{incident().id}.updated.20260314T074500500Z",
        f"{incident().id}.cleared",
    ]
    assert case_of(site, event="updated", seen_s=900).key == keys[1]


def test_an_id_cannot_lead_out_of_the_spool(site: Site) -> None:
    document = case_of(site).model_dump()
    with pytest.raises(ValidationError, match="pattern"):
        Case.model_validate({**document, "id": "../../etc"})


def test_a_document_read_again_is_the_same(site: Site) -> None:
    case = case_of(site, evidence=(picture(site),))
    assert Case.model_validate_json(case.model_dump_json()) == case


def test_documents_follow_the_published_schema(site: Site, tmp_path: Path) -> None:
    schema = case_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(case_of(site, evidence=(picture(site),)).model_dump_json())
    validator.validate(document)
    del document["matter"]["code5"]
    assert not validator.is_valid(document)


def test_a_later_change_keeps_the_beginning_the_review_and_the_pictures(site: Site) -> None:
    first = case_of(site, evidence=(picture(site, role="scene"), picture(site, role="before")))
    reviewed = first.model_copy(
        update={"review": first.review.model_copy(update={"state": "confirmed", "by": "wang"})}
    )
    later = case_of(site, event="updated", seen_s=2000, evidence=(picture(site, suffix="-2"),))
    later = later.model_copy(
        update={"time": later.time.model_copy(update={"first_seen": START + timedelta(minutes=2)})}
    )
    case = continued(later, reviewed)
    assert case.review.by == "wang"
    assert case.time.first_seen == START
    assert case.time.last_seen == later.time.last_seen
    assert [item.id.partition("/")[2] for item in case.evidence] == ["scene", "before", "scene-2"]


def test_a_case_of_many_updates_stays_small(site: Site) -> None:
    case = case_of(site, evidence=(picture(site), picture(site, role="crop")))
    for n in range(100):
        scene = picture(site, suffix=f"-{n}")
        case = continued(case_of(site, event="updated", seen_s=400 + n, evidence=(scene,)), case)
    after = picture(site, role="after")
    case = continued(case_of(site, event="cleared", seen_s=600, evidence=(after,)), case)
    names = [item.id.partition("/")[2] for item in case.evidence]
    assert names == ["scene", "crop", "scene-99", "after"]
    assert len(case.model_dump_json()) < 20_000
