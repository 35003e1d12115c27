"""Cases as service requests of a GeoReport v2 endpoint, over a network that loses answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from cv.cases.case import Case, case_from_incident
from cv.cases.closing import ASK_EVERY_S, close_case
from cv.cases.filter import CaseFilter
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.cases.recoding import recoding
from cv.cases.review import review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Target, UnreachableError, build_targets
from cv.cases.targets.open311 import Open311Target
from cv.errors import DeliveryError, SiteError
from cv.labels import Matter
from cv.site import Open311, Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import GATE, KERB, MODEL, START, case_of, incident, picture
from tests.cases.test_reported import reported
from tests.georeport_server import JURISDICTION, KEY, GeoReport
from tests.lossy_proxy import LossyProxy
from tests.serving import serving

SERVICES = {Matter.BLOCKED_LANE: "007"}
Serve = Callable[..., tuple[GeoReport, LossyProxy]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an endpoint of the given ways, and the network to it."""
    with ExitStack() as running:

        def begin(**ways: bool) -> tuple[GeoReport, LossyProxy]:
            city = GeoReport(**ways)
            proxy = LossyProxy(running.enter_context(serving(city.app())))
            running.callback(proxy.stop)
            return city, proxy

        yield begin


def settings(proxy: LossyProxy, **changes: object) -> Open311:
    return replace(Open311(proxy.url + "v2", SERVICES, JURISDICTION), **changes)  # type: ignore[arg-type]


def target(site: Site, proxy: LossyProxy, key: str = KEY, **changes: object) -> Open311Target:
    outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", "s" * 20)
    return Open311Target(settings(proxy, **changes), key, outgoing)


def message(case: Case, number: str | None = None) -> Message:
    return Message(case.key, case.state, case, number)


def test_a_case_becomes_a_request_with_its_place_and_picture(site: Site, serve: Serve) -> None:
    city, proxy = serve()
    case = case_of(site, evidence=(picture(site),))
    assert target(site, proxy).deliver(message(case)).number == "SR-1"
    (request,) = city.requests
    assert (request["service_code"], request["address_string"]) == ("007", "北京路侧街东侧")
    assert (float(request["lat"]), float(request["long"])) == (30.3126, 112.2551)
    assert request["media_url"].startswith("https://box.example/v1/evidence/")
    assert "机动车乱停放" in request["description"]
    assert f"Case: {case.id}" in request["description"]


def test_a_case_that_a_person_filed_under_another_matters_code_goes_to_that_ones_service(
    site: Site, serve: Serve
) -> None:
    city, proxy = serve()
    case, code5 = case_of(site), "06011"
    chosen = recoding(case, code5, site, START).applied(case)
    chosen = chosen.model_copy(update={"review": review_of(None, "li", START, code5)})
    services = {**SERVICES, Matter.CONSTRUCTION_WASTE: "012"}
    target(site, proxy, services=services).deliver(message(chosen))
    assert [request["service_code"] for request in city.requests] == ["012"]


def test_what_reaches_a_person_is_not_posted_to_a_list_that_others_read(
    site: Site, serve: Serve
) -> None:
    city, proxy = serve()
    case = reported(site)
    words = {
        "address": "北京路12号，电话138\u200b12345678",
        "description": "我是李四 0716-8461234\n身份证42100219900101123X\nli@example.cn 128号",
    }
    case = case.model_copy(
        update={
            "place": case.place.model_copy(update={"address": words["address"]}),
            "reports": (case.reports[0].model_copy(update=words),),
        }
    )
    target(site, proxy).deliver(message(case))
    (request,) = city.requests
    assert request["address_string"] == "北京路12号，电话***"
    said = next(line for line in request["description"].split("\n") if line.startswith("Report "))
    assert said.endswith(": 北京路12号，电话***; 我是李四 *** 身份证*** *** 128号")
    personal = ("12345678", "8461234", "19900101", "li@example.cn")
    assert [part for part in personal if part in str(request)] == []
    assert f"Case: {case.id}" in request["description"], "by which it is found again"


def test_without_coordinates_the_address_will_do_and_without_either_a_person_must(
    site: Site, serve: Serve
) -> None:
    city, proxy = serve()

    def case_at(**place: object) -> Case:
        return case_from_incident(
            incident(), site=site, camera=replace(GATE, **place), zone=KERB, evidence=[],  # type: ignore[arg-type]
            model=MODEL, reported=case_of(site).time.reported, event="new",
        )  # fmt: skip

    target(site, proxy).deliver(message(case_at(lon=None, lat=None)))
    assert "lat" not in city.requests[0]
    with pytest.raises(DeliveryError, match="camera gate has neither lon and lat nor") as caught:
        target(site, proxy).deliver(message(case_at(lon=None, lat=None, address=None)))
    assert caught.value.permanent


def test_later_messages_are_not_posted_since_open311_has_no_updates(
    store: CaseStore, site: Site, file: File, clock: Clock, serve: Serve
) -> None:
    city, proxy = serve()
    with Outbox(store, [target(site, proxy)], clock=clock) as box:
        updated = case_of(site, event="updated", seen_s=900)
        for change in (case_of(site), updated, case_of(site, event="cleared", seen_s=900)):
            file(change, targets=["open311"])
            assert box.deliver_due().delivered == 1
    assert len(city.requests) == 1
    assert store.case(incident().id).number == "SR-1"


@pytest.mark.parametrize("fate", ["lose answer", "hold"])
def test_an_answer_that_was_lost_makes_no_second_request(
    site: Site, serve: Serve, fate: str
) -> None:
    city, proxy = serve()
    proxy.fate = lambda method, _path: fate if method == "POST" else "pass"  # type: ignore[return-value]
    with pytest.raises(UnreachableError):
        target(site, proxy).deliver(message(case_of(site)))
    proxy.let_go()
    proxy.fate = lambda _method, _path: "pass"
    assert target(site, proxy).deliver(message(case_of(site))).number == "SR-1"
    assert len(city.requests) == 1


def test_a_server_that_refuses_duplicates_has_the_case(site: Site, serve: Serve) -> None:
    city, proxy = serve(no_duplicates=True, unlisted=True)
    desk = target(site, proxy)
    assert desk.deliver(message(case_of(site))).number == "SR-1"
    assert desk.deliver(message(case_of(site))).number is None, "400, but it has it"
    assert len(city.requests) == 1


def test_a_token_is_kept_until_there_is_a_number(
    store: CaseStore, site: Site, file: File, clock: Clock, serve: Serve
) -> None:
    city, proxy = serve(with_tokens=True)
    with Outbox(store, [target(site, proxy)], clock=clock) as box:
        file(case_of(site), targets=["open311"])
        box.deliver_due()
        assert store.case(incident().id).number == "token tok/SR-1"
        city.moderated = True
        file(case_of(site, event="cleared"), targets=["open311"])
        box.deliver_due()
    assert store.case(incident().id).number == "SR-1"
    assert len(city.requests) == 1


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (404, True), (422, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_what_is_refused_is_not_asked_again_but_what_is_busy_is(
    site: Site, serve: Serve, status: int, permanent: bool
) -> None:
    city, proxy = serve()
    city.statuses = [status]
    with pytest.raises(DeliveryError, match=f"answered {status}.*not now") as caught:
        target(site, proxy).deliver(message(case_of(site)))
    assert caught.value.permanent == permanent
    assert city.requests == []


def test_a_refused_case_is_a_dead_letter_at_once_and_goes_out_when_it_is_mended(
    store: CaseStore, site: Site, file: File, clock: Clock, serve: Serve
) -> None:
    city, proxy = serve()
    file(case_of(site), targets=["open311"])
    unknown = {Matter.EXPOSED_GARBAGE: "012"}
    with Outbox(store, [target(site, proxy, services=unknown)], clock=clock) as box:
        assert box.deliver_due().dead == 1
    (letter,) = store.deliveries(incident().id)
    assert letter.last_error == "reporting.open311.services has no blocked_lane"
    store.retry(None, clock.now)
    with Outbox(store, [target(site, proxy)], clock=clock) as box:
        assert box.deliver_due().delivered == 1
    assert len(city.requests) == 1


def test_a_key_that_the_endpoint_echoes_is_not_shown(
    site: Site, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    _, proxy = serve()
    with pytest.raises(DeliveryError, match="api_key was invalid: ") as caught:
        target(site, proxy, key="secret-key-1234").deliver(message(case_of(site)))
    assert "secret-key-1234" not in str(caught.value) + caplog.text


def test_the_site_file_names_the_endpoint_and_the_environment_the_key(
    site: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    city, proxy = serve()
    reporting = replace(site.reporting, targets=("open311",), open311=settings(proxy))
    monkeypatch.delenv("KERBWATCH_OPEN311_KEY", raising=False)
    with pytest.raises(SiteError, match="KERBWATCH_OPEN311_KEY is not set"):
        build_targets(replace(site, reporting=reporting))
    monkeypatch.setenv("KERBWATCH_OPEN311_KEY", KEY)
    desk: Target
    (desk,) = build_targets(replace(site, reporting=reporting))
    assert desk.deliver(message(case_of(site))).number == "SR-1"
    assert len(city.requests) == 1


class TestWhatTheCityClosed:
    def test_is_read_now_and_then_with_its_notes(
        self, store: CaseStore, site: Site, clock: Clock, file: File, serve: Serve
    ) -> None:
        city, proxy = serve()
        file(case_of(site, 1), case_of(site, 2), targets=("open311",))
        with Outbox(store, [target(site, proxy)], clock=clock) as box:
            assert box.deliver_due().closed == 0
            number = store.case(incident(1).id).number
            assert number is not None
            city.closed[number] = "已清理 towed away"
            clock.move(60)
            assert box.deliver_due().closed == 0, "a desk is not asked all the time"
            clock.move(ASK_EVERY_S)
            assert box.deliver_due().closed == 1
            clock.move(ASK_EVERY_S)
            assert box.deliver_due().closed == 0
        case = store.case(incident(1).id).case
        assert case.closure is not None
        assert case.closure.model_dump(mode="json") == {
            "at": "2026-03-15T09:00:00+08:00", "by": "open311", "note": "已清理 towed away",
        }  # fmt: skip
        assert store.case(incident(2).id).case.closure is None

    def test_stays_closed_through_what_the_camera_says_later(
        self, store: CaseStore, site: Site, clock: Clock, file: File, serve: Serve
    ) -> None:
        city, proxy = serve()
        file(case_of(site), targets=("open311",))
        with Outbox(store, [target(site, proxy)], clock=clock) as box:
            box.deliver_due()
            city.closed["SR-1"] = "done"
            clock.move(ASK_EVERY_S + 1)
            box.deliver_due()
        file(case_of(site, event="updated", seen_s=900), targets=("open311",))
        case = store.case(incident().id).case
        assert case.state == "updated"
        assert case.closure
        assert store.cases(CaseFilter(state="open"), limit=9) == []
        assert len(store.cases(CaseFilter(state="closed"), limit=9)) == 1

    def test_is_open_here_again_when_its_desk_opens_it_again(
        self, store: CaseStore, site: Site, clock: Clock, file: File, serve: Serve
    ) -> None:
        city, proxy = serve()
        cases = [case_of(site, n) for n in (1, 2, 3)]
        file(*cases, targets=("open311",))
        with Outbox(store, [target(site, proxy)], clock=clock) as box:
            box.deliver_due()
            numbers = {case.id: store.case(case.id).number for case in cases}
            opened_again, not_listed, closed_here = cases
            city.closed |= {str(numbers[case.id]): "done" for case in (opened_again, not_listed)}
            close_case(store.database, closed_here.id, ClosurePart(at=clock.now, by="li"))
            clock.move(ASK_EVERY_S + 1)
            assert box.deliver_due().closed == 2
            city.closed.clear()
            city.archived.add(str(numbers[not_listed.id]))
            clock.move(ASK_EVERY_S + 1)
            box.deliver_due()
        assert [s.case.id for s in store.cases(CaseFilter(state="open"), limit=9)] == [
            opened_again.id
        ]
        assert store.case(opened_again.id).case.closure is None

    def test_an_endpoint_that_shows_no_requests_costs_only_the_news(
        self, store: CaseStore, site: Site, clock: Clock, file: File, serve: Serve
    ) -> None:
        city, proxy = serve(unlisted=True)
        file(case_of(site), targets=("open311",))
        with Outbox(store, [target(site, proxy)], clock=clock) as box:
            report = box.deliver_due()
        assert (report.delivered, report.closed, len(city.requests)) == (1, 0, 1)
