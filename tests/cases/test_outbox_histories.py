"""Whatever happens in whatever order: each change of each case arrives once, in order."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cv.cases.outbox import Outbox
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.tables import Tables
from cv.cases.targets import Message, Receipt, UnreachableError
from cv.errors import DeliveryError
from cv.site import Site
from tests.cases.conftest import Clock
from tests.cases.filings import START, case_of, incident

pytestmark = pytest.mark.both_databases

ORDER = {"new": 0, "updated": 1, "cleared": 2}
REVIEWS = {
    "confirm": review_of(None, "li", START),
    "reject": review_of(RejectReason.MISTAKEN, "li", START),
}
FAULTS = ("ok", "refuse", "unreachable", "lost", "bug")

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["file", "hold"]), st.integers(0, 2)),
        st.tuples(st.sampled_from(["confirm", "reject"]), st.integers(0, 2)),
        st.tuples(st.just("deliver"), st.lists(st.sampled_from(FAULTS), max_size=4)),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1, 10, 200, 4000])),
    ),
    max_size=14,
)


class City:
    """Takes each key once, as the contract asks; fails as told."""

    name = "webhook"

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.taken: list[str] = []

    def deliver(self, message: Message) -> Receipt:
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "refuse":
            raise DeliveryError("answered 500")
        if fault == "unreachable":
            raise UnreachableError("no answer")
        if fault == "bug":
            raise KeyError("number")
        if message.key not in self.taken:
            self.taken.append(message.key)
        if fault == "lost":
            raise UnreachableError("no answer: taken all the same")
        return Receipt()

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.slow
@given(steps)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_change_arrives_once_and_in_order(
    store: CaseStore, site: Site, story: list[tuple[str, object]]
) -> None:
    with store.database.write() as session:
        for table in reversed(Tables.metadata.sorted_tables):
            session.execute(table.delete())
    clock, city = Clock(), City()
    filed: Counter[int] = Counter()
    box = Outbox(store, [city], clock=clock, rng=Random(0))
    for step, what in story:
        if step in ("file", "hold"):
            number = int(what)  # type: ignore[call-overload]
            event = ("new", "updated", "cleared")[min(filed[number], 2)]
            store.commit_look(
                camera="gate", stream="live", state=None, targets=["webhook"],
                filings=[case_of(site, number, event, seen_s=300 + 60 * filed[number])],
                now=clock.now, hold=step == "hold",
            )  # fmt: skip
            filed[number] += 1
        elif step in REVIEWS:
            if filed[int(what)]:  # type: ignore[call-overload]
                store.review(
                    incident(int(what)).id,  # type: ignore[call-overload]
                    REVIEWS[step].model_copy(update={"at": clock.now}),
                    targets=["webhook"],
                )
        elif step == "deliver":
            city.faults = list(what)  # type: ignore[call-overload]
            box.deliver_due()
        elif step == "crash":
            # Leased and never heard of again; the next process starts afresh.
            store.outbox.claim("webhook", clock.now, 180)
            box = Outbox(store, [city], clock=clock, rng=Random(0))
        else:
            clock.move(float(what))  # type: ignore[arg-type]
    city.faults = []
    for number in filed:
        store.review(incident(number).id, REVIEWS["confirm"], targets=["webhook"])
    for _ in range(12):
        clock.move(25 * 3600)
        box.deliver_due()
        store.retry(None, clock.now)
    box.deliver_due()
    left = {d.state for n in filed for d in store.deliveries(incident(n).id)}
    assert left <= {"delivered", "superseded"}
    check(city.taken, filed)


def check(taken: list[str], filed: Counter[int]) -> None:
    for number, times in filed.items():
        case_id = incident(number).id
        events = [k.split(".")[1] for k in taken if k.startswith(f"{case_id}.")]
        ranks = [ORDER[event.split("-")[0]] for event in events]
        assert ranks == sorted(ranks), events
        assert events.count("new") == 1
        assert events.count("cleared") == (1 if times >= 3 else 0)
