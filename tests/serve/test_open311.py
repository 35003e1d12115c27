"""GeoReport v2: what is offered, posted, told, and never told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from cv.access.roles import Role
from cv.cases.closing import close_case
from cv.cases.parts import ClosurePart
from cv.cases.review import RejectReason, review_of
from cv.cases.tables import RequestRow
from cv.detect.detector import Detector
from cv.evidence.retention import Retention
from cv.site import Site
from tests.cases.filings import GATE, START, case_of, incident, picture
from tests.serve.desks import NOW, Service, service

BASE = "/open311/v2"
CONTACT = {
    "email": "wang@example.cn",
    "phone": "13800001111",
    "first_name": "小明",
    "last_name": "王",
    "device_id": "tt222111",
    "account_id": "acc-77",
}
FAR = {"lat": "30.5000", "long": "112.5000"}
NEAR = {"lat": str(GATE.lat), "long": str(GATE.lon)}
_W3 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00")


class City(Service):
    """Asked by two partners' apps and the desk."""

    def get(self, path: str, who: str = "app", have: str | None = None, **query: str) -> Any:
        headers = {"If-None-Match": have} if have else {}
        query["api_key"] = self.keys[who]
        return self.client.get(f"{BASE}/{path}", params=query, headers=headers)

    def post(
        self, who: str = "app", form: str = "json", key: str | None = None, **fields: str
    ) -> Any:
        data = {"api_key": self.keys[who], "service_code": "09006", **fields}
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(f"{BASE}/requests.{form}", data=data, headers=headers)

    def posted(self, **fields: Any) -> str:
        answer = self.post(**fields)
        assert answer.status_code == 201, answer.text
        number = answer.json()[0]["service_request_id"]
        assert isinstance(number, str)
        return number

    def listed(self, **query: str) -> list[str]:
        answer = self.get("requests.json", **query)
        assert answer.status_code == 200, answer.text
        return [row["service_request_id"] for row in answer.json()]

    def one(self, number: str) -> dict[str, Any]:
        (row,) = self.get(f"requests/{number}.json").json()
        return row

    def confirm(self, case_id: str) -> None:
        self.store.review(case_id, review_of(None, "王", datetime.now(UTC)))


@pytest.fixture(scope="module")
def opened(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    data = tmp_path_factory.mktemp("city") / "data"
    holders = {"app": Role.REPORT, "other": Role.REPORT, "desk": Role.OPERATE}
    with service(detector, data, holders) as running:
        yield City(running.client, running.store, running.site, running.keys)


@pytest.fixture
def city(opened: City) -> City:
    opened.empty()
    return opened


@pytest.mark.parametrize(
    ("form", "kind"),
    [("xml", "text/xml; charset=utf-8"), ("json", "application/json; charset=utf-8")],
)
@pytest.mark.parametrize("name", ["discovery", "services", "services/09006", "requests"])
def test_both_formats_say_the_same(city: City, name: str, form: str, kind: str) -> None:
    city.posted(**FAR)
    answer = city.get(f"{name}.{form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    if form == "xml":
        assert answer.content.startswith(b"<?xml")
        assert _spark(ElementTree.fromstring(answer.content)) == _texts(
            city.get(f"{name}.json").json()
        )


_LISTS = {"services", "service_requests", "endpoints", "formats", "attributes"}


def _spark(element: ElementTree.Element) -> Any:
    """XML as JSON by the specification's convention, every value as text."""
    if element.tag in _LISTS:
        return [_spark(child) for child in element]
    if len(element):
        return {child.tag: _spark(child) for child in element}
    return element.text or ""


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return {None: "", True: "true", False: "false"}.get(value, str(value))


def test_what_can_be_reported_needs_no_key(city: City) -> None:
    offered = city.client.get(f"{BASE}/services.json").json()
    assert {row["service_code"] for row in offered} >= {"09005", "09006", "06010", "06011", "09009"}
    row = next(row for row in offered if row["service_code"] == "09006")
    assert (row["group"], row["metadata"], row["type"]) == ("街面秩序", False, "realtime")
    assert "占道经营" in row["service_name"]
    assert "摊位" in row["keywords"]
    place = city.client.get(f"{BASE}/discovery.json").json()["endpoints"][0]
    assert place["url"] == "http://testserver/open311/v2"


def test_a_request_is_a_case_for_review_and_posted_to_nobody(city: City) -> None:
    number = city.posted(description="路口摊贩", address_string="北京路与江津路口", **FAR)
    stored = city.store.find(number)
    assert stored
    case = stored.case
    assert (case.source.kind, case.source.channel_id) == ("群众上报", "_open311")
    assert (case.matter.matter, case.matter.code5) == ("roadside_vending", "09006")
    assert (case.review.state, case.rule, case.detections) == ("proposed", None, ())
    assert (case.place.lat, case.place.lon, case.place.coord_sys) == (30.5, 112.5, "WGS84")
    assert {d.state for d in stored.deliveries} <= {"held"}
    row = city.one(number)
    assert row["status"] == "open"
    assert row["description"] == "路口摊贩"
    assert row["address"] == "北京路与江津路口"
    assert (row["lat"], row["long"]) == (30.5, 112.5)
    assert _W3.fullmatch(row["requested_datetime"])
    assert _W3.fullmatch(row["updated_datetime"])


def test_an_address_may_stand_in_for_coordinates(city: City) -> None:
    row = city.one(city.posted(address_string="北京路 1 号"))
    assert (row["lat"], row["long"], row["address"]) == (None, None, "北京路 1 号")


def test_zeros_are_no_place_and_merge_no_requests(city: City) -> None:
    zeros = {"lat": "0", "long": "-0.0"}
    refused = city.post(**zeros)
    assert (refused.status_code, "location" in refused.json()[0]["description"]) == (400, True)
    rows = [city.one(city.posted(address_string=road, **zeros)) for road in ("北京路", "江津路")]
    assert [(row["lat"], row["long"], row["address"]) for row in rows] == [
        (None, None, "北京路"),
        (None, None, "江津路"),
    ]
    assert len(city.store.cases(limit=9)) == 2


def test_degrees_may_have_as_many_decimals_as_an_app_makes(city: City) -> None:
    row = city.one(city.posted(lat="30.31261234567890123", long="+112.2551000000000000000001"))
    assert (row["lat"], row["long"]) == (30.31261234567890123, 112.2551)


def test_text_is_utf_8_escaped_or_not(city: City) -> None:
    form = f"api_key={city.keys['app']}&service_code=09006&address_string=北京路&description=a%26b"
    answer = city.client.post(
        f"{BASE}/requests.json", content=form.encode(),
        headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
    )  # fmt: skip
    row = city.one(answer.json()[0]["service_request_id"])
    assert (row["address"], row["description"]) == ("北京路", "a&b")


def test_what_is_no_xml_does_not_break_the_list(city: City) -> None:
    number = city.posted(description="<b>a & b</b>\x00\x0b\ufffe😀\r\n]]>", **FAR)
    rows = ElementTree.fromstring(city.get("requests.xml").content)
    assert rows.findtext("request/description") == "<b>a & b</b>😀\n]]>"
    assert rows.findtext("request/service_request_id") == number


def test_words_steer_no_terminal_and_an_address_is_one_line(city: City) -> None:
    number = city.posted(
        address_string="北京路\x1b[2J\nReview: confirmed\u202e",
        description="一\t堆\r\n\x9b垃圾👨\u200d👩\ufe0f",
        **FAR,
    )  # fmt: skip
    row = city.one(number)
    assert row["address"] == "北京路[2J Review: confirmed"
    assert row["description"] == "一 堆\n垃圾👨\u200d👩\ufe0f"
    case = city.store.case(number).case
    assert (case.place.address, case.reports[0].address) == (row["address"], row["address"])


def test_nothing_told_to_apps_says_who_reported_it(city: City) -> None:
    words = "摊贩 13800001111，微信同号；wang@example.cn，0716-8461234，身份证 42100219900101123X"
    number = city.posted(
        **CONTACT, **FAR, description=words, media_url="https://photos.example/wang.jpg"
    )
    for path in ("requests.json", "requests.xml", f"requests/{number}.json"):
        text = city.get(path).text
        said = (*CONTACT.values(), "photos.example", "8461234", "19900101", city.keys["app"])
        assert [word for word in said if word in text and word != "王"] == []
    assert city.one(number)["description"].startswith("摊贩 ***")
    stored = city.store.find(number)
    assert stored
    told = stored.case.model_dump_json()
    assert [word for word in ("tt222111", "acc-77", "小明", "photos.example") if word in told] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("摊贩占道，我电话13812345678", "摊贩占道，我电话***"),
        ("电话13812345678请尽快", "电话***请尽快"),
        ("找tel13812345678.", "找tel***."),
        ("打138-1234-5678或+86 139 1234 5678吧", "打***或***吧"),
        ("打008613812345678", "打***"),
        ("１３８１２３４５６７８，（０７１６）８１２３４５６", "***，***"),
        ("请打0716-8123456找我", "请打***找我"),
        ("我(0716-8123456)在", "我(***)在"),
        ("请打(0716)8123456或+86 716 8123456找我", "请打***或***找我"),
        ("身份证420101199001011234", "身份证***"),
        ("身份证４２０１０１１９９００１０１１２３ｘ号", "身份证***号"),
        ("身份证420101 19900101 123X号", "身份证***号"),
        ("微信wang@example.cn谢谢", "微信***谢谢"),
    ],
    ids=str,
)
def test_what_reaches_a_person_is_masked_whatever_it_touches(
    city: City, said: str, told: str
) -> None:
    row = city.one(city.posted(description=said, address_string=f"北京路口{said}", **FAR))
    assert (row["description"], row["address"]) == (told, f"北京路口{told}")


def test_a_number_in_the_address_of_a_case_is_masked_where_the_case_speaks(city: City) -> None:
    """A request without words is told with the case's, which another client may have opened."""
    city.posted(address_string="北京路口13812345678", **FAR)
    number = city.posted(who="other", **FAR)
    for path in ("requests.json", "requests.xml", f"requests/{number}.json"):
        assert "13812345678" not in city.get(path).text


@pytest.mark.parametrize(
    "address",
    [
        "北京路128号",
        "北京路１２８号３栋２单元１２０３室",
        "G318国道1234公里+500米",
        "318国道与025乡道路口",
        "434000 荆州市沙市区 江津路 13-8-1204",
        "灯杆42100309006",
        "112.2551387,30.3126021附近",
        "格网421003001001001",
    ],
)
def test_numbers_of_houses_and_roads_stay(city: City, address: str) -> None:
    row = city.one(city.posted(address_string=address, description=address, **FAR))
    assert (row["address"], row["description"]) == (address, address)


def test_the_desk_can_call_back_for_as_long_as_originals_are_kept(city: City) -> None:
    link = "https://photos.example/1.jpg"
    number = city.posted(**CONTACT, **FAR, media_url=link)

    def seen() -> Any:
        headers = {"X-API-Key": city.keys["desk"]}
        (row,) = city.client.get(f"/v1/cases/{number}", headers=headers).json()["requests"]
        return row

    assert (seen()["id"], seen()["contact"], seen()["media_url"]) == (number, CONTACT, link)
    Retention(city.site, city.store.database).run(datetime.now(UTC) + timedelta(days=31))
    assert seen()["contact"] == {}


def test_a_decision_of_the_desk_is_told(city: City) -> None:
    number = city.posted(**FAR)
    assert "待核实" in city.one(number)["status_notes"]
    city.confirm(number)
    assert (city.one(number)["status"], "已核实" in city.one(number)["status_notes"]) == (
        "open",
        True,
    )
    city.store.review(number, review_of(RejectReason.PERMITTED, "王", datetime.now(UTC)))
    row = city.one(number)
    assert row["status"] == "closed"
    assert "合规" in row["status_notes"]
    assert "王" not in row["status_notes"]


def test_a_second_report_of_an_open_case_joins_it_under_a_number_of_its_own(city: City) -> None:
    """The camera's case is nobody's to see until the desk has confirmed it; then its picture is."""
    now = datetime.now(UTC)
    case = _as_of(case_of(city.site, evidence=(picture(city.site),)), now)
    city.file(case, now=now)
    number = city.posted(service_code="09009", description="挡路", **NEAR)
    assert city.store.find(number) is None
    stored = city.store.find(case.id)
    assert stored and [report.id for report in stored.case.reports] == [number]
    row = city.one(number)
    assert (row["description"], row["media_url"]) == ("挡路", None)
    assert case.id in row["status_notes"]
    assert city.listed() == [number]
    city.confirm(case.id)
    assert set(city.listed()) == {number, case.id}
    link = city.one(number)["media_url"]
    assert link.startswith("http://testserver/v1/evidence/")
    assert city.client.get(link).content == b"a masked picture"


def _as_of(case: Any, now: datetime) -> Any:
    moment = {"first_seen": now, "confirmed": now, "last_seen": now, "captured": now}
    return case.model_copy(update={"time": case.time.model_copy(update=moment)})


def test_a_cameras_case_is_told_once_it_is_confirmed(city: City) -> None:
    span = {"start_date": "2026-03-01T00:00:00Z", "end_date": "2026-04-01T00:00:00+08:00"}
    city.file(case_of(city.site))
    assert city.listed(**span) == []
    assert city.get(f"requests/{incident().id}.json").status_code == 404
    city.confirm(incident().id)
    assert city.listed(**span) == [incident().id]
    row = city.one(incident().id)
    assert row["service_code"] == "09009"
    assert "机动车乱停放" in row["description"]
    assert (row["lat"], row["long"]) == (GATE.lat, GATE.lon)
    city.file(case_of(city.site, 0, "cleared", seen_s=400))
    assert city.one(incident().id)["status"] == "closed"
    assert city.listed(status="open", **span) == []
    assert city.listed(status="closed", **span) == [incident().id]


def test_a_case_that_the_city_closed_is_closed(city: City) -> None:
    number = city.posted(**FAR)
    closed = datetime.now(UTC) + timedelta(minutes=5)
    close_case(city.store.database, number, ClosurePart(at=closed, by="roundup", note="intern"))
    row = city.one(number)
    assert (row["status"], "已结案" in row["status_notes"]) == ("closed", True)
    assert "intern" not in row["status_notes"]
    assert abs(datetime.fromisoformat(row["updated_datetime"]) - closed) < timedelta(seconds=1)
    assert (city.listed(status="open"), city.listed(status="closed")) == ([], [number])


def test_a_receivers_number_is_told(city: City) -> None:
    city.file(case_of(city.site), hold=False)
    city.confirm(incident().id)
    claim = city.store.outbox.claim("webhook", NOW, 60)
    assert claim and city.store.outbox.delivered(claim, NOW, "2026-0314-17")
    assert "2026-0314-17" in city.one(incident().id)["status_notes"]


def test_each_filter_keeps_the_requests_that_it_names(city: City) -> None:
    stall = city.posted(description="a", **FAR)
    waste = city.posted(service_code="06011", **FAR)
    assert city.listed() == [waste, stall]
    assert city.listed(service_code="06011") == [waste]
    assert city.listed(service_code="06011,09006") == [waste, stall]
    assert city.listed(service_code="06010") == []
    assert city.listed(service_code="'; --") == []
    assert city.listed(status="open,closed") == [waste, stall]
    assert city.listed(status="closed") == []
    assert city.listed(service_request_id=f"{stall},sr-none", status="closed") == [stall]
    assert city.listed(service_code="", status="", start_date="", end_date="") == [waste, stall]
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert city.listed(start_date=tomorrow) == []
    assert city.listed(end_date=tomorrow) == [waste, stall]
    with city.store.database.write() as session:
        session.get_one(RequestRow, stall).received_at -= timedelta(days=91)
    assert city.listed() == [waste]
    assert city.listed(end_date=f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT00:00:00Z}") == [
        stall
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"status": "--"},
        {"start_date": "yesterday"},
        {"end_date": "2026-02-30T00:00:00Z"},
        {"start_date": "2026-01-01T00:00:00"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-04-02T00:00:00Z"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_400(city: City, query: dict[str, str]) -> None:
    answer = city.get("requests.json", **query)
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["code"] == 400
    assert any(name in error["description"] for name in query)


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"service_code": ""}, 400, "service_code was not provided"),
        ({"service_code": "99999"}, 404, "service_code was not found"),
        ({"lat": ""}, 400, "lat"),
        ({"long": "200"}, 400, "long"),
        ({"lat": "nan"}, 400, "lat"),
        ({"lat": "3_0.5"}, 400, "lat"),
        ({"lat": "", "long": ""}, 400, "location"),
        ({"description": "长" * 4001}, 400, "description"),
        ({"media_url": "file:///etc/passwd"}, 400, "media_url"),
        ({"phone": "1" * 201}, 400, "phone"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_and_nothing_is_filed(
    city: City, fields: dict[str, str], status: int, named: str
) -> None:
    answer = city.post(form="xml", **{**FAR, **fields})
    assert answer.status_code == status
    errors = ElementTree.fromstring(answer.content)
    assert errors.tag == "errors"
    assert errors.findtext("error/code") == str(status)
    assert named in (errors.findtext("error/description") or "")
    assert city.listed() == []


def test_a_body_that_is_no_form_is_refused(city: City) -> None:
    address = f"{BASE}/requests.json?api_key={city.keys['app']}"
    assert city.client.post(address, json={"service_code": "09006"}).status_code == 400
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for content in (b"description=%FF", b"description=\xff", b"&".join([b"a=b"] * 200)):
        answer = city.client.post(address, content=content, headers=kind)
        assert (answer.status_code, answer.json()[0]["code"]) == (400, 400)
    long = city.client.post(address, content=b"description=" + b"x" * 200_000, headers=kind)
    assert (long.status_code, "65536" in long.json()[0]["description"]) == (400, True)


@pytest.mark.parametrize("key", ["", "hunter2", "kw_abcdefgh_" + "a" * 32])
def test_without_a_key_nothing_is_posted_or_listed(city: City, key: str) -> None:
    data = {"api_key": key, "service_code": "09006", **FAR}
    posted = city.client.post(f"{BASE}/requests.json", data=data)
    listed = city.client.get(f"{BASE}/requests.json", params={"api_key": key})
    assert (posted.status_code, listed.status_code) == (403, 403)
    assert posted.json()[0]["code"] == 403
    said = posted.json()[0]["description"]
    assert said.startswith("the key is unknown" if key else "api_key was not provided")


def test_the_usual_headers_are_a_key_too(city: City) -> None:
    headers = {"Authorization": f"Bearer {city.keys['app']}"}
    data = {"service_code": "09006", **FAR}
    assert city.client.post(f"{BASE}/requests.json", data=data, headers=headers).status_code == 201
    assert city.client.get(f"{BASE}/requests.json", headers=headers).status_code == 200


def test_the_same_again_is_the_same_request(city: City) -> None:
    first = city.posted(description="a", **FAR)
    assert city.posted(description="a", **FAR) == first
    assert city.posted(description="b", **FAR) != first
    assert city.posted(who="other", description="a", **FAR) != first
    with city.store.database.write() as session:
        session.get_one(RequestRow, first).received_at -= timedelta(minutes=11)
    assert city.posted(description="a", **FAR) != first


def test_a_key_of_the_client_makes_it_the_same_for_ever(city: City) -> None:
    first = city.posted(key="k-1", description="see https://box.example/1", **FAR)
    with city.store.database.write() as session:
        session.get_one(RequestRow, first).received_at -= timedelta(days=40)
    assert city.posted(key="k-1", description="see https://box.example/2", **FAR) == first
    assert city.posted(key="k-2", description="see https://box.example/1", **FAR) != first
    assert city.posted(who="other", key="k-1", **FAR) != first
    elsewhere = city.post(key="k-1", **NEAR)
    assert elsewhere.status_code == 400
    assert "Idempotency-Key" in elsewhere.json()[0]["description"]


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_database_that_is_away_is_asked_again_later(city: City, form: str) -> None:
    database = city.store.database
    with database.write() as session:
        session.execute(text("ALTER TABLE service_requests RENAME TO away"))
    try:
        answers = [city.post(form=form, **FAR), city.get(f"requests.{form}")]
    finally:
        with database.write() as session:
            session.execute(text("ALTER TABLE away RENAME TO service_requests"))
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert form in answer.headers["content-type"]
        assert "503" in answer.text


@pytest.mark.parametrize(("form", "other"), [("json", "xml"), ("xml", "json")])
@pytest.mark.parametrize("one", [False, True])
def test_what_an_app_has_already_is_not_sent_again(
    city: City, form: str, other: str, one: bool
) -> None:
    number = city.posted(**FAR)
    place = f"requests/{number}" if one else "requests"
    tag = city.get(f"{place}.{form}").headers["etag"]
    again = city.get(f"{place}.{form}", have=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in again.headers
    assert city.get(f"{place}.{other}", have=tag).status_code == 200, "that is another text"
    (stored,) = city.store.cases(limit=9)
    city.confirm(stored.case.id)
    assert city.get(f"{place}.{form}", have=tag).status_code == 200


def test_an_unknown_request_is_404(city: City) -> None:
    for number in ("sr-none", "SR%00", "..%2f..%2fetc"):
        assert city.get(f"requests/{number}.json").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "requests", 405), ("DELETE", "services/09006", 405), ("GET", "nothing/here", 404)],
)
def test_what_no_route_takes_is_refused_as_georeport_does(
    city: City, method: str, path: str, status: int
) -> None:
    answer = city.client.request(method, f"{BASE}/{path}.json")
    assert answer.status_code == status
    assert [error["code"] for error in answer.json()] == [status]
    assert re.search(r"[A-Za-z].*[\u4e00-\u9fff]", answer.json()[0]["description"])
    (error,) = ElementTree.fromstring(city.client.request(method, f"{BASE}/{path}.xml").content)
    assert error.findtext("code") == str(status)


def test_head_is_answered_in_the_format_asked_for(city: City) -> None:
    for form, kind in (("json", "application/json"), ("xml", "text/xml")):
        for path in (f"services.{form}", f"requests.{form}?api_key={city.keys['app']}"):
            answer = city.client.head(f"{BASE}/{path}")
            assert (answer.status_code, answer.content) == (200, b"")
            assert answer.headers["content-type"].startswith(kind)
        assert city.client.head(f"{BASE}/requests.{form}").status_code == 403


def test_unit_and_limit_of_the_case_are_told(city: City) -> None:
    site: Site = city.site
    case = case_of(site)
    due = START + timedelta(hours=2)
    routed = case.model_validate(
        {
            **case.model_dump(),
            "dept": {"code18": "11421002MB0000000X", "name": "沙市区城管局"},
            "limit": {"type": "urgent_hour", "value": 2, "text": "2 紧急工作时", "due": due},
        }
    )
    city.file(routed)
    city.confirm(case.id)
    row = city.one(case.id)
    assert row["agency_responsible"] == "沙市区城管局"
    assert row["service_notice"] == "2 紧急工作时"
    assert datetime.fromisoformat(row["expected_datetime"]) == due
