"""Who is done with a case: what no longer waits then, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest

from cv.cases.case import Case
from cv.cases.closing import ASK_EVERY_S, close_case, reopen_case
from cv.cases.filter import CaseFilter
from cv.cases.messages import Consequence
from cv.cases.outbox import Outbox
from cv.cases.parts import ClosurePart
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Receipt
from cv.cases.unwatched import is_unwatched
from cv.errors import DeliveryError
from cv.site import Site
from tests.cases.conftest import Clock
from tests.cases.filings import GATE, KERB, case_of, incident
from tests.cases.test_reported import reported, take_report

pytestmark = pytest.mark.both_databases

TARGETS = ("roundup", "webhook")


class Desk:
    """Takes every message; says of numbers what is put into `closed`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = f"{name} 1"
        self.away = False
        self.taken: list[tuple[str, str | None]] = []
        self.keys: list[str] = []
        self.closed: dict[str, ClosurePart | None] = {}

    def deliver(self, message: Message) -> Receipt:
        if self.away:
            raise DeliveryError("answered 500")
        closure = message.case.closure
        self.taken.append((message.event, closure and closure.by))
        self.keys.append(message.key)
        return Receipt(self.number if self.name == "roundup" else None)

    def closures(self, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
        return {number: self.closed[number] for number in numbers if number in self.closed}

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def posting(site: Site) -> Site:
    return replace(site, reporting=replace(site.reporting, targets=TARGETS))


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    return Desk("roundup"), Desk("webhook")


def posted(store: CaseStore, site: Site, clock: Clock, desks: Sequence[Desk]) -> Case:
    """A citizen's case that a person confirmed, delivered to who is there."""
    case = reported(site)
    take_report(store, case, site, clock.now)
    store.review(case.id, review_of(None, "li", clock.now))
    deliver(store, clock, desks)
    return case


def deliver(
    store: CaseStore, clock: Clock, desks: Sequence[Desk], *, site: Site | None = None
) -> None:
    clock.move(ASK_EVERY_S + 1)
    unwatched = partial(is_unwatched, site=site) if site else lambda _: False
    with Outbox(store, desks, clock=clock, unwatched=unwatched) as box:
        box.deliver_due()
        box.deliver_due()


def close(
    store: CaseStore, case_id: str, clock: Clock, *, by: str = "li", unwatched: bool = False
) -> Consequence | None:
    return close_case(
        store.database, case_id, ClosurePart(at=clock.now, by=by),
        told=TARGETS, unwatched=lambda _: unwatched, now=clock.now,
    )  # fmt: skip


def states(store: CaseStore, case_id: str) -> list[str]:
    return [delivery.state for delivery in store.deliveries(case_id)]


class TestNobodyWasTold:
    def test_what_waits_for_a_review_is_withdrawn(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        case = reported(posting)
        take_report(store, case, posting, clock.now)
        assert states(store, case.id) == ["held", "held"]
        assert close(store, case.id, clock) == Consequence(moved=2)
        assert close(store, case.id, clock) is None
        assert states(store, case.id) == ["withdrawn", "withdrawn"]
        assert store.cases(CaseFilter(held=True), limit=9) == []
        deliver(store, clock, desks)
        assert [desk.taken for desk in desks] == [[], []]

    def test_who_confirms_it_all_the_same_has_it_posted_as_closed(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        case = reported(posting)
        take_report(store, case, posting, clock.now)
        close(store, case.id, clock)
        store.review(case.id, review_of(None, "wang", clock.now))
        deliver(store, clock, desks)
        assert [desk.taken for desk in desks] == [[("new", "li")]] * 2

    def test_a_camera_that_still_sees_it_does_not_make_it_wait_again(
        self, store: CaseStore, posting: Site, clock: Clock
    ) -> None:
        for case in (case_of(posting), case_of(posting, event="updated", seen_s=900)):
            store.commit_look(
                camera="gate", stream="live", filings=[case], state=None, targets=TARGETS,
                now=clock.now, hold=True,
            )  # fmt: skip
            close(store, case.id, clock)
        assert set(states(store, incident().id)) <= {"withdrawn", "superseded"}

    def test_what_is_due_leaves_and_says_that_it_is_closed(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        """Confirmed while the receiver was away: the city's record is to be whole."""
        case = posted(store, posting, clock, ())
        assert close(store, case.id, clock) == Consequence()
        deliver(store, clock, desks)
        assert [desk.taken for desk in desks] == [[("new", "li")]] * 2


class TestSomebodyHasIt:
    def test_they_are_told_once_and_in_order(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        case = posted(store, posting, clock, desks)
        assert close(store, case.id, clock) == Consequence(told=2)
        assert close(store, case.id, clock) is None
        deliver(store, clock, desks)
        for desk in desks:
            assert desk.taken == [("new", None), ("updated", "li")]
            assert len(set(desk.keys)) == 2
        assert store.case(case.id).case.state == "new", "what a camera would say stays as it was"

    def test_one_that_may_have_it_is_told_after_that(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        desks[1].away = True
        case = posted(store, posting, clock, desks)
        close(store, case.id, clock)
        desks[1].away = False
        deliver(store, clock, desks)
        assert desks[1].taken == [("new", None), ("updated", "li")]

    def test_the_desk_that_says_so_is_not_told_the_others_are_and_so_when_it_opens_it_again(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        roundup, webhook = desks
        case = posted(store, posting, clock, desks)
        expected: list[tuple[str, str | None]] = [("new", None)]
        for _ in range(2):
            roundup.closed["roundup 1"] = ClosurePart(at=clock.now, by="roundup")
            deliver(store, clock, desks)
            assert store.case(case.id).case.closure
            roundup.closed["roundup 1"] = None
            deliver(store, clock, desks)
            assert store.case(case.id).case.closure is None
            expected += [("updated", "roundup"), ("updated", None)]
        assert webhook.taken == expected
        assert len(set(webhook.keys)) == len(expected), "each is a message of its own"
        assert roundup.taken == [("new", None)]

    def test_a_desk_that_says_only_the_day_may_close_it_twice_on_one(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        roundup, webhook = desks
        case = posted(store, posting, clock, desks)
        day = ClosurePart(at=clock.now, by="roundup")
        for closure in (day, None, day):
            roundup.closed["roundup 1"] = closure
            deliver(store, clock, desks)
        assert store.case(case.id).case.closure
        assert [by for _, by in webhook.taken] == [None, "roundup", None, "roundup"]
        assert len(set(webhook.keys)) == 4

    def test_what_a_removed_camera_saw_the_desk_closes_for_the_others_as_well(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        roundup, webhook = desks
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(posting)], state=None, targets=TARGETS,
            now=clock.now,
        )  # fmt: skip
        deliver(store, clock, desks, site=posting)
        for closure in (ClosurePart(at=clock.now, by="roundup"), None):
            roundup.closed["roundup 1"] = closure
            deliver(store, clock, desks, site=replace(posting, cameras=()))
        assert webhook.taken == [("new", None), ("updated", "roundup"), ("updated", None)]
        assert roundup.taken == [("new", None)]

    def test_what_has_cleared_stays_over_for_the_others_when_a_desk_opens_it_again(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        """It cleared because its zone is gone."""
        roundup, webhook = desks
        cleared = case_of(posting, event="cleared")
        for case in (case_of(posting), cleared):
            store.commit_look(
                camera="gate", stream="live", filings=[case], state=None, targets=TARGETS,
                now=clock.now,
            )  # fmt: skip
        gone = replace(posting, cameras=())
        for closure in (ClosurePart(at=clock.now, by="roundup"), None):
            roundup.closed["roundup 1"] = closure
            deliver(store, clock, desks, site=gone)
        assert store.case(cleared.id).case.closure is None
        assert webhook.taken == [("new", None), ("cleared", None)]

    def test_of_what_a_camera_clears_nobody_is_told(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        case = case_of(posting)
        store.commit_look(
            camera="gate", stream="live", filings=[case], state=None, targets=TARGETS,
            now=clock.now,
        )  # fmt: skip
        deliver(store, clock, desks)
        assert close(store, case.id, clock) == Consequence()
        assert reopen_case(store.database, case.id, "li", told=TARGETS)
        assert close(store, case.id, clock, unwatched=True) == Consequence(told=2)

    @pytest.mark.parametrize("over", ["cleared", "rejected"])
    def test_what_is_over_already_is_not_told_again(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk], over: str
    ) -> None:
        if over == "cleared":
            case = case_of(posting, event="cleared")
            store.commit_look(
                camera="gate", stream="live", filings=[case], state=None, targets=TARGETS,
                now=clock.now,
            )  # fmt: skip
            deliver(store, clock, desks)
        else:
            case = posted(store, posting, clock, desks)
            word = review_of(RejectReason.MISTAKEN, "wang", clock.now)
            store.review(case.id, word, targets=TARGETS)
        assert close(store, case.id, clock, unwatched=over == "cleared") == Consequence()

    def test_what_is_rejected_stays_over_for_the_others_when_a_desk_opens_it_again(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        roundup, webhook = desks
        case = posted(store, posting, clock, desks)
        word = review_of(RejectReason.MISTAKEN, "wang", clock.now)
        store.review(case.id, word, targets=TARGETS)
        for closure in (ClosurePart(at=clock.now, by="roundup"), None):
            roundup.closed["roundup 1"] = closure
            deliver(store, clock, desks)
        assert store.case(case.id).case.closure is None
        assert webhook.taken == [("new", None), ("updated", None)], "the second is the rejection"

    def test_a_target_that_is_not_served_gets_nothing_that_would_wait_for_ever(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        case = posted(store, posting, clock, desks)
        closure = ClosurePart(at=clock.now, by="li")
        done = close_case(store.database, case.id, closure, told=("webhook",))
        assert done == Consequence(told=1)
        deliver(store, clock, desks)
        assert desks[0].taken == [("new", None)]


class TestNumbers:
    def test_two_cases_that_a_desk_took_for_one_are_closed_together(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        """An endpoint that finds doubles by itself answers with the number of the first."""
        roundup, _ = desks
        cases = [case_of(posting, number) for number in range(2)]
        store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=TARGETS, now=clock.now
        )
        deliver(store, clock, desks)
        roundup.closed["roundup 1"] = ClosurePart(at=clock.now, by="roundup")
        deliver(store, clock, desks)
        assert all(store.case(case.id).case.closure for case in cases)

    def test_a_desk_that_moved_a_case_to_another_number_is_asked_for_that_one(
        self, store: CaseStore, posting: Site, clock: Clock, desks: tuple[Desk, Desk]
    ) -> None:
        """Else one that was closed as a double there would be closed and opened by turns here."""
        roundup, webhook = desks
        case = posted(store, posting, clock, desks)
        store.review(case.id, review_of(RejectReason.MISTAKEN, "li", clock.now), targets=TARGETS)
        roundup.number = "roundup 2"
        deliver(store, clock, desks)
        store.review(case.id, review_of(None, "li", clock.now), targets=TARGETS)
        roundup.closed = {
            "roundup 1": ClosurePart(at=clock.now, by="roundup"), "roundup 2": None
        }  # fmt: skip
        for _ in range(3):
            deliver(store, clock, desks)
        assert store.case(case.id).case.closure is None
        assert [by for _, by in webhook.taken] == [None, None, None]


def test_a_new_case_waits_for_no_more_than_one_question(
    store: CaseStore, posting: Site, clock: Clock
) -> None:
    """A year's cases are a thousand questions. All are asked, but not all before it leaves."""
    done: list[str] = []
    asked: set[str] = set()
    stop = threading.Event()

    def file(*cases: Case) -> None:
        store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=["roundup"],
            now=clock.now,
        )  # fmt: skip

    class Busy(Desk):
        def deliver(self, message: Message) -> Receipt:
            done.append("taken")
            return Receipt(message.case.id)

        def closures(self, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
            done.append("asked")
            asked.update(numbers)
            if len(asked) == 120:
                stop.set()
            elif len(asked) == 50:
                file(case_of(posting, 999))
            return {}

    file(*(case_of(posting, number) for number in range(120)))
    with Outbox(store, [Busy("roundup")], clock=clock) as box:
        box.run(stop)
    assert done == ["taken"] * 120 + ["asked", "taken", "asked", "asked"]


def test_a_case_is_unwatched_once_its_camera_or_zone_is_gone(site: Site) -> None:
    case = case_of(site)
    assert not is_unwatched(case, site)
    assert is_unwatched(case, replace(site, cameras=()))
    other = replace(GATE, zones=(replace(KERB, id="kerb-east"),))
    assert is_unwatched(case, replace(site, cameras=(other,)))
    assert not is_unwatched(reported(site), site)
