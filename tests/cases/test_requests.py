"""Service requests in the store: the same once, told when they may be, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from cv.cases.recorder import CaseRecorder
from cv.cases.reported import GivenPoint
from cv.cases.requested import Wanted
from cv.cases.requests import NewRequest, OtherRequestError, Requests
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.tables import RequestRow
from cv.detect.detector import ModelInfo
from cv.labels import Matter
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import GATE, START, case_of, incident

pytestmark = pytest.mark.both_databases


def heap(site: Site, **changes: object) -> NewRequest:
    """A citizen's request far from every camera."""
    _, code = site.codes.filed()["06011"]
    point = GivenPoint(112.5, 30.5, "WGS84")
    new = NewRequest("app", Matter.CONSTRUCTION_WASTE, code, point=point, description="一堆")
    return replace(new, **changes)  # type: ignore[arg-type]


def told(requests: Requests, clock: Clock, **wanted: object) -> list[str]:
    begin, end = clock.now - timedelta(days=9), clock.now
    return [r.id for r in requests.wanted(Wanted(begin, end, **wanted))]  # type: ignore[arg-type]


def test_requests_are_told_the_latest_first_by_code_and_status(
    store: CaseStore, site: Site, clock: Clock
) -> None:
    requests = Requests(store.database)
    first = requests.post(heap(site), site, clock.now)
    clock.move(60)
    far = GivenPoint(112.9, 30.9, "WGS84")
    second = requests.post(heap(site, point=far, address="江津路"), site, clock.now)
    assert told(requests, clock) == [second, first]
    assert told(requests, clock, codes=["09006"]) == []
    assert told(requests, clock, codes=["06011"], statuses=["open"]) == [second, first]
    store.review(first, review_of(RejectReason.MISTAKEN, "li", clock.now))
    assert told(requests, clock, statuses=["closed"]) == [first]
    assert told(requests, clock, statuses=["open"]) == [second]
    assert told(requests, clock, statuses=["open", "closed"]) == [second, first]
    assert told(requests, clock, codes=[]) == []
    (found,) = requests.find([second, "sr-none"])
    assert (found.address, found.lon, found.requested) == ("江津路", 112.9, clock.now)


def test_a_case_is_told_while_it_is_confirmed(
    store: CaseStore, site: Site, clock: Clock, file: File
) -> None:
    requests = Requests(store.database)
    file(case_of(site))
    assert told(requests, clock) == []
    assert requests.find([incident().id]) == []
    store.review(incident().id, review_of(None, "li", clock.now))
    file(case_of(site, 0, "updated", seen_s=900))
    assert told(requests, clock) == [incident().id]
    store.review(incident().id, review_of(RejectReason.MISTAKEN, "li", clock.now))
    assert told(requests, clock) == []


def test_what_joins_a_case_keeps_its_own_number(
    store: CaseStore, site: Site, clock: Clock, file: File
) -> None:
    requests = Requests(store.database)
    file(case_of(site))
    assert GATE.lon is not None and GATE.lat is not None
    _, code = site.codes.filed()["09009"]
    at_gate = GivenPoint(GATE.lon, GATE.lat, "WGS84")
    clock.now = incident().last_seen + timedelta(minutes=5)
    number = requests.post(
        heap(site, matter=Matter.BLOCKED_LANE, code=code, point=at_gate, contact={"phone": "1"}),
        site, clock.now,
    )  # fmt: skip
    assert number != incident().id
    (found,) = requests.find([number])
    assert found.case.id == incident().id
    (posted,) = requests.of_cases([incident().id])[incident().id]
    assert (posted.id, posted.contact) == (number, {"phone": "1"})


def test_a_request_that_a_camera_goes_on_with_is_told_once(
    store: CaseStore, site: Site, clock: Clock, file: File
) -> None:
    assert GATE.lon is not None and GATE.lat is not None
    requests = Requests(store.database)
    _, code = site.codes.filed()["09009"]
    clock.now = START - timedelta(minutes=5)
    at_gate = GivenPoint(GATE.lon, GATE.lat, "WGS84")
    number = requests.post(
        heap(site, matter=Matter.BLOCKED_LANE, code=code, point=at_gate), site, clock.now
    )
    model = ModelInfo(Path("m.onnx"), "m", "1", "ab" * 32, (), {})
    watch = CaseRecorder(store, site, GATE, "live", model)
    known = watch.known(incident())
    assert known == number
    file(case_of(site).model_copy(update={"id": known}))
    store.review(number, review_of(None, "li", clock.now))
    assert store.case(number).case.source.channel_id == GATE.id
    assert told(requests, clock) == [number]
    assert [found.id for found in requests.find([number])] == [number]


def test_the_same_within_ten_minutes_is_one(store: CaseStore, site: Site, clock: Clock) -> None:
    requests = Requests(store.database)
    first = requests.post(heap(site), site, clock.now)
    clock.move(600)
    assert requests.post(heap(site), site, clock.now) == first
    clock.move(1)
    assert requests.post(heap(site), site, clock.now) != first


def test_two_people_who_say_the_same_are_two_and_only_the_contact_tells_them_apart(
    store: CaseStore, site: Site, clock: Clock
) -> None:
    """It is deleted after a month. A digest would stay, and phone numbers are soon guessed."""
    requests = Requests(store.database)
    one, other = (heap(site, contact={"phone": phone}) for phone in ("13812345678", "138"))
    ids = [requests.post(new, site, clock.now) for new in (one, other, heap(site), one)]
    assert ids[3] == ids[0]
    with store.database.read() as session:
        rows = session.scalars(select(RequestRow)).all()
    assert len(rows) == 3
    assert len({row.content for row in rows}) == 1


def test_a_key_is_for_one_matter_at_one_place(store: CaseStore, site: Site, clock: Clock) -> None:
    requests = Requests(store.database)
    first = requests.post(heap(site, key="k"), site, clock.now)
    clock.move(86400 * 400)
    assert requests.post(heap(site, key="k", description="b"), site, clock.now) == first
    with pytest.raises(OtherRequestError):
        requests.post(heap(site, key="k", address="elsewhere"), site, clock.now)


@pytest.mark.parametrize("key", [None, "k"])
def test_of_many_at_once_that_say_the_same_one_is_kept(
    store: CaseStore, site: Site, clock: Clock, key: str | None
) -> None:
    requests = Requests(store.database)
    together = threading.Barrier(6)

    def post(number: int) -> str:
        together.wait()
        return requests.post(heap(site, key=key), site, clock.now + timedelta(milliseconds=number))

    with ThreadPoolExecutor(6) as pool:
        numbers = set(pool.map(post, range(6)))
    assert len(numbers) == 1
    assert [s.case.id for s in store.cases(limit=9)] == list(numbers)
