"""What a site posts: at once as a proposal, only what somebody confirmed, or never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cv.cases.case import Case
from cv.cases.filter import CaseFilter
from cv.cases.messages import Consequence
from cv.cases.outbox import Outbox
from cv.cases.recorder import CaseRecorder
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Receipt
from cv.detect.detector import ModelInfo
from cv.detect.incident import Change
from cv.detect.look import Filing
from cv.errors import DeliveryError
from cv.labels import Matter
from cv.site import Policy, Reporting, Site
from tests.cases.conftest import Clock
from tests.cases.filings import GATE, START, case_of, incident

pytestmark = pytest.mark.both_databases

LANE = (Matter.BLOCKED_LANE,)
CONFIRMED = review_of(None, "li", START + timedelta(hours=2))
REJECTED = review_of(RejectReason.PERMITTED, "li", START + timedelta(hours=2))

Hold = Callable[..., None]


class Desk:
    """Takes everything, unless it is told to refuse; remembers the review of each message."""

    name = "webhook"

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[tuple[str, str]] = []

    def deliver(self, message: Message) -> Receipt:
        if self.refusals:
            self.refusals -= 1
            raise DeliveryError("answered 500")
        self.taken.append((message.event, message.case.review.state))
        return Receipt()

    def close(self) -> None:
        """Nothing to close."""


def deliver(store: CaseStore, clock: Clock, desk: Desk) -> list[tuple[str, str]]:
    with Outbox(store, [desk], clock=clock) as box:
        box.deliver_due()
    return desk.taken


@pytest.fixture
def hold(store: CaseStore, clock: Clock) -> Hold:
    """Files cases at a site that reviews first."""

    def commit(*cases: Case, targets: Sequence[str] = ("webhook",)) -> None:
        store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=targets,
            now=clock.now, hold=True,
        )  # fmt: skip

    return commit


def states(store: CaseStore) -> list[tuple[str, str]]:
    return [(d.event, d.state) for d in store.deliveries(incident().id)]


class TestReviewFirst:
    def test_a_case_waits_for_its_review_and_then_goes_out_confirmed_and_in_order(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        desk = Desk()
        hold(case_of(site))
        hold(case_of(site, event="updated", seen_s=900))
        hold(case_of(site, event="cleared", seen_s=900))
        assert states(store) == [("new", "held"), ("updated", "superseded"), ("cleared", "held")]
        assert deliver(store, clock, desk) == []
        assert [s.case.id for s in store.cases(CaseFilter(held=True), limit=9)] == [incident().id]
        assert store.review(incident().id, CONFIRMED).moved == 2
        assert deliver(store, clock, desk) == [("new", "confirmed"), ("cleared", "confirmed")]
        assert store.cases(CaseFilter(held=True), limit=9) == []

    def test_what_is_rejected_never_leaves_nor_does_what_comes_after_it(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        hold(case_of(site))
        assert store.review(incident().id, REJECTED).moved == 1
        hold(case_of(site, event="cleared"))
        assert states(store) == [("new", "withdrawn"), ("cleared", "withdrawn")]
        assert store.retry([incident().id], clock.now) == 0, "a retry is no review"
        assert deliver(store, clock, Desk()) == []

    def test_a_later_word_replaces_the_first_as_long_as_nothing_has_left(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        desk = Desk()
        hold(case_of(site))
        for word, state in (
            (REJECTED, "withdrawn"),
            (CONFIRMED, "pending"),
            (REJECTED, "withdrawn"),
        ):
            store.review(incident().id, word)
            assert states(store) == [("new", state)]
        store.review(incident().id, CONFIRMED)
        assert deliver(store, clock, desk) == [("new", "confirmed")]
        assert store.review(incident().id, REJECTED).moved == 0
        hold(case_of(site, event="cleared"))
        assert deliver(store, clock, desk)[1:] == [("cleared", "rejected")], "it must be told"

    def test_what_may_have_arrived_is_not_withdrawn(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        """The attempt failed, says its answer; the receiver may have it all the same."""
        desk = Desk(refusals=1)
        hold(case_of(site))
        store.review(incident().id, CONFIRMED)
        assert deliver(store, clock, desk) == []
        store.retry([incident().id], clock.now)
        assert store.review(incident().id, REJECTED).moved == 0
        assert deliver(store, clock, desk) == [("new", "confirmed")]

    def test_each_target_has_its_own_say(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        """The webhook had the case before reviews came first; the spool is new."""
        desk = Desk()
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site)], state=None,
            targets=["webhook"], now=clock.now,
        )  # fmt: skip
        deliver(store, clock, desk)
        hold(case_of(site, event="updated", seen_s=900), targets=("webhook", "spool"))
        assert states(store)[1:] == [("updated", "pending"), ("updated", "held")]

    def test_without_it_again_what_waits_goes_out_with_the_next_change(
        self, store: CaseStore, site: Site, clock: Clock, hold: Hold
    ) -> None:
        hold(case_of(site))
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site, event="cleared")], state=None,
            targets=["webhook"], now=clock.now,
        )  # fmt: skip
        assert deliver(store, clock, Desk()) == [("new", "proposed"), ("cleared", "proposed")]


class TestPostedAsProposals:
    def test_without_a_policy_a_case_is_posted_at_once_and_its_review_follows(
        self, store: CaseStore, site: Site, clock: Clock, file: Callable[..., None]
    ) -> None:
        desk = Desk()
        file(case_of(site))
        assert deliver(store, clock, desk) == [("new", "proposed")]
        store.review(incident().id, CONFIRMED)
        file(case_of(site, event="cleared"))
        assert deliver(store, clock, desk)[1:] == [("cleared", "confirmed")]

    def test_what_a_receiver_has_and_a_person_rejects_is_told_at_once(
        self, store: CaseStore, site: Site, clock: Clock, file: Callable[..., None]
    ) -> None:
        """An officer may be on the way to nothing; the next change may be hours away."""
        desk = Desk()
        file(case_of(site))
        deliver(store, clock, desk)
        assert store.review(incident().id, REJECTED, targets=["webhook"]) == Consequence(0, 1)
        assert store.review(incident().id, REJECTED, targets=["webhook"]) == Consequence(0, 0)
        assert deliver(store, clock, desk)[1:] == [("updated", "rejected")]
        assert store.case(incident().id).case.state == "new", "nothing happened in the street"
        later = CONFIRMED.model_copy(update={"at": clock.now})
        assert store.review(incident().id, later, targets=["webhook"]).told == 1
        file(case_of(site, event="updated", seen_s=900))
        file(case_of(site, event="cleared"))
        told = deliver(store, clock, desk)
        assert (told[0], told[1]) == (("new", "proposed"), ("updated", "rejected"))
        assert told[-1] == ("cleared", "confirmed")

    def test_a_confirmation_a_target_that_is_gone_and_what_has_ended_are_not(
        self, store: CaseStore, site: Site, clock: Clock, file: Callable[..., None]
    ) -> None:
        file(case_of(site))
        deliver(store, clock, Desk())
        assert store.review(incident().id, CONFIRMED, targets=["webhook"]).told == 0
        assert store.review(incident().id, REJECTED, targets=["spool"]).told == 0
        file(case_of(site, event="cleared"))
        assert store.review(incident().id, CONFIRMED, targets=["webhook"]).told == 0

    def test_a_case_that_was_rejected_before_anything_left_stays_here(
        self, store: CaseStore, site: Site, clock: Clock, file: Callable[..., None]
    ) -> None:
        file(case_of(site))
        assert store.review(incident().id, REJECTED).moved == 1
        assert deliver(store, clock, Desk()) == []


class TestRecorder:
    """As `detect` files: with the site's policies."""

    def recorded(self, store: CaseStore, site: Site, score: float = 0.81, **policy: object) -> None:
        reporting = replace(site.reporting, targets=("webhook",), **policy)  # type: ignore[arg-type]
        site = replace(site, reporting=reporting)
        model = ModelInfo(Path("m.onnx"), "m", "1", "ab" * 32, (), {})
        seen = replace(incident(), score=score)
        filing = Filing(Change("new", seen), ())
        CaseRecorder(store, site, GATE, "live", model).record([filing], "{}")

    @pytest.mark.parametrize(
        ("review_first", "score", "expected"),
        [
            (False, 0.81, ("pending", "confirmed")),
            (False, 0.79, ("pending", "proposed")),
            (True, 0.80, ("pending", "confirmed")),
            (True, 0.79, ("held", "proposed")),
        ],
    )
    def test_auto_confirms_what_the_model_is_sure_of(
        self, store: CaseStore, site: Site, review_first: bool, score: float,
        expected: tuple[str, str],
    ) -> None:  # fmt: skip
        auto = (Policy(LANE, "auto", 0.8),)
        self.recorded(store, site, score, policies=auto, review_first=review_first)
        stored = store.case(incident().id)
        assert (stored.deliveries[0].state, stored.case.review.state) == expected
        assert stored.case.review.reason == ("auto" if expected[1] == "confirmed" else None)

    def test_a_case_that_grows_surer_is_confirmed_then(
        self, store: CaseStore, site: Site, hold: Hold, clock: Clock
    ) -> None:
        hold(case_of(site))
        later = case_of(site, event="updated", seen_s=900)
        hold(later.model_copy(update={"review": CONFIRMED}))
        assert deliver(store, clock, Desk()) == [("new", "confirmed"), ("updated", "confirmed")]

    def test_never_keeps_a_case_here(self, store: CaseStore, site: Site, clock: Clock) -> None:
        self.recorded(store, site, policies=(Policy(LANE, "never"),))
        assert store.case(incident().id).deliveries == ()
        store.review(incident().id, CONFIRMED)
        assert deliver(store, clock, Desk()) == []

    def test_other_matters_are_for_review(self, store: CaseStore, site: Site) -> None:
        self.recorded(store, site, policies=(Policy((Matter.EXPOSED_GARBAGE,), "never"),))
        assert [d.state for d in store.deliveries(incident().id)] == ["pending"]


def test_a_persons_word_stands_against_a_policy(store: CaseStore, site: Site, hold: Hold) -> None:
    hold(case_of(site))
    store.review(incident().id, REJECTED)
    sure = case_of(site, event="cleared").model_copy(update={"review": CONFIRMED})
    hold(sure)
    assert store.case(incident().id).case.review.state == "rejected"


def test_at_most_one_policy_a_matter_is_asked() -> None:
    reporting = Reporting(Path(), policies=(Policy(LANE, "auto", 0.9), Policy(LANE, "never")))
    assert reporting.confirmed_from("blocked_lane") == 0.9
    assert reporting.confirmed_from("exposed_garbage") is None
    assert reporting.never == {Matter.BLOCKED_LANE}
