"""A clock that was ahead, and is set right: what was written down meanwhile lies in the future."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cv.cases.adopting import Watched
from cv.cases.case import Case
from cv.cases.closing import ASK_EVERY_S
from cv.cases.due import LEASE_S
from cv.cases.parts import ClosurePart
from cv.cases.store import CaseStore
from cv.cases.targets import UnreachableError
from cv.errors import DeliveryError
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import case_of, incident
from tests.cases.test_outbox import Desk, Odd, key, outbox, states

pytestmark = pytest.mark.both_databases

AHEAD_S = 30 * 86400.0


def test_what_was_filed_while_the_clock_was_ahead_leaves_when_it_is_set_right(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    desk = Desk(outcomes=[DeliveryError("answered 500")])
    box = outbox(store, clock, desk)
    clock.move(AHEAD_S)
    file(case_of(site, 0), case_of(site, 0, "updated", seen_s=900), case_of(site, 1))
    clock.move(-AHEAD_S)
    file(case_of(site, 0, "cleared", seen_s=1800))
    report = box.deliver_due()
    assert desk.asked == [key(0), key(1)]
    assert report.next_at is not None
    assert 5 <= (report.next_at - clock.now).total_seconds() < 6, "a retry waits as ever"
    clock.now = report.next_at - timedelta(seconds=0.01)
    assert box.deliver_due().delivered == 0
    clock.now = report.next_at
    box.deliver_due()
    assert desk.taken == [key(1), key(0), key(0, "cleared")]


@pytest.mark.parametrize("hours", [8, 30 * 24])
def test_a_deliverer_that_died_while_the_clock_was_ahead_holds_up_nothing(
    store: CaseStore, site: Site, file: File, clock: Clock, hours: int
) -> None:
    desk = Desk()
    clock.move(3600 * hours)
    file(case_of(site), case_of(site, event="updated", seen_s=900))
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    clock.move(-3600 * hours)
    file(case_of(site, event="cleared", seen_s=1800))
    outbox(store, clock, desk).deliver_due()
    assert desk.taken == [key(0), key(0, "cleared")]


def test_who_dies_with_what_was_filed_ahead_holds_it_up_for_a_lease_and_no_longer(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    clock.move(8 * 3600)
    file(case_of(site))
    clock.move(-8 * 3600)
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    box = outbox(store, clock, Desk())
    assert box.deliver_due().next_at == clock.now + timedelta(seconds=LEASE_S)
    clock.move(LEASE_S)
    assert box.deliver_due().delivered == 1


def test_a_retry_that_was_put_off_while_the_clock_was_ahead_comes_when_it_is_set_right(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 0), case_of(site, 1))
    clock.move(AHEAD_S)
    outbox(store, clock, Desk(always=DeliveryError("answered 500"))).deliver_due()
    clock.move(-AHEAD_S)
    assert store.outbox.next_due("webhook", clock.now) == clock.now
    assert outbox(store, clock, Desk()).deliver_due().delivered == 2


def test_a_pause_that_began_while_the_clock_was_ahead_ends_when_it_is_set_right(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    box = outbox(store, clock, Desk(outcomes=[UnreachableError("no answer")]))
    clock.move(AHEAD_S)
    file(case_of(site))
    assert box.deliver_due().failed == 1
    clock.move(-AHEAD_S)
    assert box.deliver_due().delivered == 1


def test_a_desk_is_asked_again_what_it_closed_when_the_clock_is_set_right(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site))
    desk = Odd()
    box = outbox(store, clock, desk)
    clock.move(AHEAD_S)
    box.deliver_due()
    clock.move(-AHEAD_S)
    desk.says = ClosurePart(at=clock.now, by="webhook")
    assert box.deliver_due().closed == 1
    desk.says = None
    clock.move(ASK_EVERY_S - 1)
    assert box.deliver_due().closed == 0


def test_a_machine_whose_clock_is_behind_leaves_the_leases_of_others_alone(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site))
    clock.move(600)
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    clock.move(-600)
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is None


def by(seconds: float, case: Case) -> Case:
    """The case as it is told by a clock that is so far ahead."""
    shift = timedelta(seconds=seconds)
    moments = ("first_seen", "confirmed", "last_seen", "captured", "cleared", "reported")
    times = {name: at + shift for name in moments if (at := getattr(case.time, name))}
    return case.model_copy(update={"time": case.time.model_copy(update=times)})


def test_a_case_that_opened_while_the_clock_was_ahead_begins_before_it_ends(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    clock.move(3600)
    opened = by(3600, case_of(site))
    file(opened)
    clock.move(-3600)
    over = case_of(site, event="cleared", seen_s=900)
    file(over)
    case = store.case(opened.id).case
    assert case.time == over.time, "it lasted as long as it did"
    assert (case.id, case.dedup) == (opened.id, opened.dedup)
    assert states(store) == [("new", "pending"), ("cleared", "pending")]
    first, last = case.time.first_seen, case.time.last_seen
    seen = Watched("gate", "kerb", "blocked_lane", incident().box, first, last)
    assert store.same_case(seen) == opened.id


def test_a_clock_that_was_ahead_by_less_than_it_stood_there_leaves_the_beginning(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    opened = by(400, case_of(site))
    file(opened)
    file(case_of(site, event="cleared", seen_s=600))
    time = store.case(opened.id).case.time
    assert time.first_seen == opened.time.first_seen
    assert time.first_seen <= time.confirmed <= time.last_seen


def test_updates_go_on_when_the_clock_is_set_right(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    clock.move(AHEAD_S)
    file(by(AHEAD_S, case_of(site)), by(AHEAD_S, case_of(site, event="updated", seen_s=900)))
    clock.move(-AHEAD_S)
    for _ in range(2):
        file(case_of(site, event="updated", seen_s=1800))
    file(case_of(site, event="updated", seen_s=1200))
    keys = [delivery.key for delivery in store.deliveries(incident().id)]
    assert len(keys) == 3
    assert keys[-1] == case_of(site, event="updated", seen_s=1800).key
