"""The city's tables and map in a case: who is responsible, until when, and where it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from cv.cases.case import Case, case_from_incident, case_schema
from cv.cases.continued import continued
from cv.cases.display import case_facts
from cv.cases.parts import ReportPart
from cv.cases.reported import GivenPoint, case_from_report, code_for
from cv.cases.store import CaseStore
from cv.cases.wording import description
from cv.detect.incident import Event
from cv.labels import Matter, ZoneKind
from cv.site import Camera, Place, Places, Routing, Site, Zone
from cv.site.limits import Limit, Limits
from cv.site.units import Unit, Units
from cv.site.work_clock import WorkClock
from cv.site.workdays import Workdays
from tests.cases.conftest import Clock, File
from tests.cases.filings import GATE, KERB, MODEL, START, incident
from tests.cases.test_reported import reported, take_report

UNIT = Unit("11421002MB12345675", "示例街道办事处")
CAR = "09009"
PLACE = Place(
    community="421002001001",
    grid="421002001001001",
    name="一号网格",
    street="示例街道",
    community_name="示例社区",
    county="沙市区",
    city="荆州市",
)


def routed(site: Site, *limits: Limit) -> Site:
    """START is Saturday the 14th of March 2026, 15:30 in Shanghai."""
    routing = Routing(Units({(CAR, "421002001"): UNIT}), Limits({CAR: limits} if limits else {}))
    return replace(site, routing=routing)


def filed(
    site: Site,
    camera: Camera = GATE,
    event: Event = "new",
    reported: datetime = START,
    zone: Zone = KERB,
) -> Case:
    return case_from_incident(
        incident(seen_s=300 if event == "new" else 900),
        site=site,
        camera=camera,
        zone=zone,
        evidence=(),
        model=MODEL,
        reported=reported,
        event=event,
    )


def test_without_tables_a_case_says_neither_unit_nor_limit(site: Site) -> None:
    case = filed(site)
    assert (case.dept, case.limit) == (None, None)
    assert "Responsible" not in description(case)


def test_a_case_has_the_unit_of_its_street_and_the_limit_of_its_matter(site: Site) -> None:
    case = filed(routed(site, Limit("work_hour", 2, "2 工作时")))
    document = case.model_dump(mode="json")
    assert document["dept"] == {"code18": "11421002MB12345675", "name": "示例街道办事处"}
    assert document["limit"] == {
        "type": "work_hour",
        "value": 2.0,
        "text": "2 工作时",
        "due": "2026-03-16T10:00:00+08:00",
        "condition": None,
    }
    jsonschema.Draft202012Validator(case_schema()).validate(document)
    elsewhere = replace(GATE, community="421002002001", grid=None)
    assert filed(routed(site), elsewhere).dept is None


def test_a_citys_own_working_days_count(site: Site) -> None:
    site = routed(site, Limit("work_hour", 2, "2 工作时", "影响通行"))
    clock = WorkClock(Workdays({date(2026, 3, 14): True}))
    case = filed(replace(site, routing=replace(site.routing, clock=clock)))
    assert case.limit is not None
    assert case.limit.due == datetime.fromisoformat("2026-03-14T17:30:00+08:00")
    assert case.limit.condition == "影响通行"


def test_unit_and_limit_stay_as_they_were_filed(site: Site, store: CaseStore, file: File) -> None:
    """A new table changes what is filed from then on; the clock of a case does not begin anew."""
    first = filed(routed(site, Limit("urgent_hour", 2, "2 紧急工作时")))
    later = routed(site, Limit("urgent_hour", 4, "4 紧急工作时"))
    later = replace(later, routing=replace(later.routing, units=Units({("*", ""): Unit("x", "y")})))
    update = filed(later, event="updated", reported=datetime.fromisoformat("2026-03-15T08:00Z"))
    file(first)
    file(update)
    kept = store.case(first.id).case
    assert kept.state == "updated"
    assert (kept.dept, kept.limit) == (first.dept, first.limit)
    assert continued(update, filed(site)).limit == update.limit, "unless there was none"


def test_a_camera_that_knows_the_code_better_than_a_citizen_knows_the_unit_and_limit(
    site: Site, store: CaseStore, file: File, clock: Clock
) -> None:
    """A photo does not show that it stands in a fire lane: that is the fire brigade's."""
    fire, brigade = "09012", Unit("11421002MB76543215", "消防救援大队")
    site = routed(site, Limit("natural_day", 1, "1 自然日"))
    units = Units({(CAR, ""): UNIT, (fire, ""): brigade})
    limits = Limits({**site.routing.limits.table, fire: (Limit("urgent_hour", 2, "2 紧急工作时"),)})
    site = replace(site, routing=Routing(units, limits))
    case = reported(site)
    take_report(store, case, site, clock.now)
    lane = replace(KERB, kind=ZoneKind.FIRE_LANE)
    seen = filed(site, reported=START, zone=lane)
    file(seen)
    (stored,) = store.cases(limit=9)
    kept = stored.case
    assert (kept.id, kept.matter.code5) == (case.id, fire)
    assert kept.dept is not None
    assert kept.limit is not None
    assert (kept.dept.name, kept.limit.text) == ("消防救援大队", "2 紧急工作时")


def test_a_case_tells_people_its_area_unit_and_limit(
    site: Site, store: CaseStore, file: File
) -> None:
    site = routed(site, Limit("urgent_hour", 2, "2 紧急工作时", "影响通行"))
    case = filed(site, replace(GATE, place=PLACE))
    lines = description(case).splitlines()
    assert "Area: 荆州市 沙市区 示例街道 示例社区" in lines
    assert "Responsible: 示例街道办事处 (11421002MB12345675)" in lines
    assert "Limit: 2 紧急工作时 (影响通行), due 2026-03-14 17:30:00+08:00" in lines
    file(case)
    console = Console(file=StringIO(), width=200)
    console.print(case_facts(store.case(case.id), site))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("荆州市 沙市区", "示例街道办事处 11421002MB12345675", "due 2026-03-14 17:30:00"):
        assert text in shown


@pytest.mark.parametrize(
    ("community", "names"),
    [
        ("421002001001", ("荆州市", "沙市区", "示例街道", "示例社区")),
        ("421002001002", ("荆州市", "沙市区", "示例街道", None)),
        ("421002002001", ("荆州市", "沙市区", None, None)),
        ("421003001001", ("荆州市", None, None, None)),
        ("310101001001", (None, None, None, None)),
    ],
)
def test_names_are_those_of_the_codes_that_a_case_goes_by(
    site: Site, community: str, names: tuple[str | None, ...]
) -> None:
    """The camera's own community code beats the map's."""
    place = filed(site, replace(GATE, community=community, grid=None, place=PLACE)).place
    assert (place.city, place.county, place.street, place.community) == names


def test_without_a_map_a_case_has_codes_and_no_names(site: Site) -> None:
    place = filed(site).place
    assert (place.street9, place.street, place.community) == ("421002001", None, None)


def test_a_citizens_report_is_routed_by_where_it_is(site: Site, tmp_path: Path) -> None:
    west = [[112.20, 30.30], [112.30, 30.30], [112.30, 30.40], [112.20, 30.40], [112.20, 30.30]]
    properties = {"community": "421002001001", "name": "示例社区", "street": "示例街道"}
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [west]},
    }
    path = tmp_path / "map.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    site = replace(routed(site, Limit("work_hour", 2, "2 工作时")), places=Places.load(path))
    case = case_from_report(
        ReportPart(id="photo-1", captured=START, address=None, description=None),
        site=site,
        matter=Matter.BLOCKED_LANE,
        code=code_for(site, Matter.BLOCKED_LANE, "car"),
        channel="_photos",
        point=GivenPoint(112.25, 30.35, "CGCS2000"),
        reported=START,
    )
    assert (case.place.street, case.place.community) == ("示例街道", "示例社区")
    assert case.dept is not None
    assert case.dept.name == "示例街道办事处"
    assert case.limit is not None
    assert case.limit.due == datetime.fromisoformat("2026-03-16T10:00:00+08:00")
