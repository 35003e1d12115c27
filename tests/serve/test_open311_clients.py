"""Our Open311 endpoint driven over HTTP: by PyPI's `georeport`, and by our own target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from georeport import GeoReport

from cv.access.roles import Role
from cv.cases.case import Case
from cv.cases.conversation import Conversation
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message
from cv.cases.targets.open311 import Open311Target
from cv.detect.detector import Detector
from cv.labels import Matter
from cv.site import Open311
from serve.app import create_app
from tests.cases.filings import case_of, picture, site_in
from tests.lossy_proxy import LossyProxy
from tests.serve.conftest import LIMITS
from tests.serve.desks import NOW, Service, service
from tests.serving import serving


@pytest.fixture
def open_city(detector: Detector, tmp_path: Path) -> Iterator[tuple[CaseStore, str]]:
    """A service without keys: this client has none to send. Gives its store and address."""
    site = site_in(tmp_path / "data")
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        app = create_app(detector, site, limits=LIMITS, secret="s" * 20, store=store)
        with serving(app) as port:
            yield store, f"http://127.0.0.1:{port}/open311/v2"


@pytest.mark.parametrize("form", ["json", "xml"])
def test_an_independent_client_reads_services_and_requests(
    open_city: tuple[CaseStore, str], form: str
) -> None:
    store, address = open_city
    client = GeoReport(address, output_format=form)
    codes = [service["service_code"] for service in client.get_service_list()]
    assert {"09005", "09006", "06011"} <= set(codes)
    assert client.get_service_definition("09006")["service_code"] == "09006"
    form_of = [("06011", "装修垃圾堆在路边"), ("09006", "摊贩")]
    for code, text in form_of:
        posted = httpx2.post(
            f"{address}/requests.json",
            data={"service_code": code, "lat": "30.31", "long": "112.25", "description": text},
        )
        assert posted.status_code == 201
        number = posted.json()[0]["service_request_id"]
    listed = client.get_service_requests()
    assert [(row["service_code"], row["description"]) for row in listed] == form_of[::-1]
    only = client.get_service_requests(service_code="09006", status="open")
    assert (only if isinstance(only, dict) else only[0])["service_request_id"] == number
    store.review(number, review_of(RejectReason.PERMITTED, "王", NOW))
    assert client.get_service_request(number)["status"] == "closed"


def test_where_nobody_has_a_name_nobody_learns_who_reported_it(
    open_city: tuple[CaseStore, str],
) -> None:
    _, address = open_city
    form = {"service_code": "06011", "address_string": "北京路", "phone": "13800001111"}
    assert httpx2.post(f"{address}/requests.json", data=form).status_code == 201
    (case,) = httpx2.get(address.replace("/open311/v2", "/v1/cases")).json()["cases"]
    (request,) = case["requests"]
    assert request["contact"] == {}


@pytest.fixture
def city(detector: Detector, tmp_path: Path) -> Iterator[Service]:
    with service(detector, tmp_path / "city", {"neighbour": Role.REPORT}) as running:
        yield running


def test_kerbwatch_posts_to_kerbwatch_once_and_reads_what_became_of_it(
    city: Service, tmp_path: Path
) -> None:
    """A village's box tells the town's; the network loses the first answer."""
    app = city.client.app
    assert isinstance(app, FastAPI)
    village = site_in(tmp_path / "village")
    outgoing = Outgoing(village.reporting.data, village.privacy, "https://box.example", "s" * 20)
    with (
        serving(app) as port,
        CaseStore(village.reporting.data / "cases.sqlite") as store,
        ExitStack() as running,
    ):
        proxy = LossyProxy(port)
        running.callback(proxy.stop)
        settings = Open311(proxy.url + "open311/v2", {Matter.BLOCKED_LANE: "09009"}, None)
        target = Open311Target(settings, city.keys["neighbour"], outgoing)

        def deliver() -> int:
            with Outbox(store, [target], clock=lambda: NOW) as box:
                return box.deliver_due().delivered

        case = case_of(village, evidence=(picture(village),))
        store.commit_look(
            camera="gate", stream="live", filings=[case], state=None, targets=["open311"], now=NOW
        )
        proxy.fate = lambda method, _: "lose answer" if method == "POST" else "pass"
        assert deliver() == 0
        assert len(city.store.cases(limit=9)) == 1
        proxy.fate = lambda *_: "pass"
        store.retry([case.id], NOW)
        assert deliver() == 1
        sent = store.find(case.id)
        (received,) = city.store.cases(limit=9)
        assert sent and sent.number == received.case.id
        assert f"Case: {case.id}" in (received.case.reports[0].description or "")
        assert target.closures([sent.number]) == {sent.number: None}
        city.store.review(sent.number, review_of(RejectReason.HANDLED, "李", NOW))
        deliver()
        closed = store.find(case.id)
        assert closed and closed.case.closure
        assert closed.case.closure.by == "open311"
        assert "已处置" in (closed.case.closure.note or "")


def test_the_key_of_a_message_is_enough_to_know_it_again(city: Service, tmp_path: Path) -> None:
    """Links in its description are new each time, and so would the request be."""
    app = city.client.app
    assert isinstance(app, FastAPI)
    village = site_in(tmp_path / "village")
    case = case_of(village, evidence=(picture(village),))
    with serving(app) as port:
        url = f"http://127.0.0.1:{port}/open311/v2"
        settings = Open311(url, {Matter.BLOCKED_LANE: "09009"}, None)

        def posted(secret: str) -> str | None:
            outgoing = Outgoing(
                village.reporting.data, village.privacy, "https://box.example", secret
            )
            blind = _Blind(settings, city.keys["neighbour"], outgoing)
            return blind.deliver(Message(case.key, "new", case)).number

        assert posted("s" * 20) == posted("t" * 20)
        assert len(city.store.cases(limit=9)) == 1


class _Blind(Open311Target):
    """Where the endpoint lists nothing."""

    def _found(self, talk: Conversation, case: Case, service: str) -> str | None:
        return None
