"""A person files a case under another code, and everything that goes by the code follows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cv.cases.case import Case
from cv.cases.recoding import recoding
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.codes import edition
from cv.errors import UserError
from cv.labels import Matter
from cv.site import Routing, Site
from cv.site.limits import Limit, Limits
from cv.site.units import Unit, Units
from tests.cases.conftest import Clock
from tests.cases.filings import START, case_of, incident

CAR, TRICYCLE = "09009", "09010"
POLICE, GUARDS = Unit("1" * 18, "交警"), Unit("2" * 18, "城管")


@pytest.fixture
def city(site: Site) -> Site:
    """Another unit and another limit for each of two codes."""
    units = Units({(CAR, "421002"): POLICE, (TRICYCLE, "421002"): GUARDS})
    limits = Limits({TRICYCLE: (Limit("natural_day", 1, "1自然日"),)})
    return replace(site, routing=Routing(units, limits))


def test_name_unit_and_limit_are_those_of_the_code(city: Site) -> None:
    case = case_of(city)
    assert (case.matter.code5, case.dept and case.dept.name, case.limit) == (CAR, "交警", None)
    other = recoding(case, TRICYCLE, city, START)
    code = edition(case.matter.standard_ref).codes[TRICYCLE]
    assert (other.matter.code5, other.matter.code11) == (TRICYCLE, f"421002{TRICYCLE}")
    assert (other.matter.name_zh, other.matter.matter) == (code.name_zh, Matter.BLOCKED_LANE)
    assert other.dept and other.dept.name == "城管"
    assert other.limit
    assert other.limit.due == START + timedelta(days=1)


def test_the_code_before_is_the_first_alternative_and_can_be_taken_again(city: Site) -> None:
    case = case_of(city)
    there = recoding(case, TRICYCLE, city, START)
    assert there.matter.alternatives[0].code5 == CAR
    assert TRICYCLE not in {other.code5 for other in there.matter.alternatives}
    moved = case.model_copy(update={"matter": there.matter})
    back = recoding(moved, CAR, city, START)
    assert (back.matter.code5, back.matter.name_zh) == (CAR, case.matter.name_zh)
    assert back.matter.alternatives[0].code5 == TRICYCLE


def test_the_same_code_changes_nothing(city: Site) -> None:
    case = case_of(city)
    assert recoding(case, CAR, city, START).matter == case.matter


@pytest.mark.parametrize("code5", ["99999", "", "04-09", "x" * 1000])
def test_a_code_that_nothing_is_filed_under_is_told_with_those_that_are(
    city: Site, code5: str
) -> None:
    with pytest.raises(UserError, match="choose one of 06010") as error:
        recoding(case_of(city), code5, city, START)
    assert len(str(error.value)) < 300


@pytest.mark.both_databases
class TestStored:
    @pytest.fixture
    def chosen(self, store: CaseStore, clock: Clock, city: Site) -> Case:
        """A case that waited, and which somebody confirmed under another code."""
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(city)], state=None,
            targets=["webhook"], now=clock.now, hold=True,
        )  # fmt: skip
        stored = store.case(incident().id)
        other = recoding(stored.case, TRICYCLE, city, stored.filed_at)
        word = review_of(None, "li", clock.now, TRICYCLE)
        assert store.review(stored.case.id, word, recoding=other).moved == 1
        return store.case(incident().id).case

    def told(self, store: CaseStore) -> list[Case]:
        """Every message, as it would leave."""
        cases = []
        while claim := store.outbox.claim("webhook", START + timedelta(days=1), 60):
            cases.append(Case.model_validate_json(claim.body))
            assert store.outbox.delivered(claim, START + timedelta(days=1), "R-1")
        return cases

    def test_what_waited_leaves_under_it(self, store: CaseStore, chosen: Case) -> None:
        (message,) = self.told(store)
        assert message == chosen
        assert (message.matter.code5, message.review.code5) == (TRICYCLE, TRICYCLE)
        assert message.dept and message.dept.name == "城管"

    def test_what_the_camera_tells_later_keeps_it(
        self, store: CaseStore, chosen: Case, city: Site, clock: Clock
    ) -> None:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(city, event="cleared")], state=None,
            targets=["webhook"], now=clock.now, hold=True,
        )  # fmt: skip
        cleared = store.case(incident().id).case
        assert (cleared.state, cleared.matter, cleared.limit) == (
            "cleared", chosen.matter, chosen.limit,
        )  # fmt: skip
        assert [m.matter.code5 for m in self.told(store)] == [TRICYCLE, TRICYCLE]

    def test_who_has_it_under_another_code_is_told_at_once(
        self, store: CaseStore, chosen: Case, city: Site, clock: Clock
    ) -> None:
        self.told(store)
        back = recoding(chosen, CAR, city, START)
        word = review_of(None, "wang", clock.now, CAR)
        assert store.review(chosen.id, word, recoding=back, targets=["webhook"]).told == 1
        (message,) = self.told(store)
        assert (message.state, message.matter.code5) == ("updated", CAR)
        assert message.dept and message.dept.name == "交警"

    def test_a_word_without_a_code_leaves_it(
        self, store: CaseStore, chosen: Case, clock: Clock
    ) -> None:
        for reason in (RejectReason.HANDLED, None):
            store.review(chosen.id, review_of(reason, "wang", clock.now))
            now = store.case(chosen.id).case
            assert (now.matter, now.review.code5) == (chosen.matter, TRICYCLE)

    def test_the_same_word_is_known_by_its_code_too(
        self, store: CaseStore, chosen: Case, city: Site, clock: Clock
    ) -> None:
        again = review_of(None, "li", clock.now, TRICYCLE)
        assert store.review(chosen.id, again).moved == 0
        back = recoding(chosen, CAR, city, START)
        store.review(chosen.id, review_of(None, "li", clock.now, CAR), recoding=back)
        now = store.case(chosen.id).case
        assert now.matter.code5 == CAR
        assert [m.matter.code5 for m in self.told(store)] == [CAR]

    def test_it_is_found_by_what_kerbwatch_takes_it_for(
        self, store: CaseStore, chosen: Case
    ) -> None:
        assert chosen.matter.matter == Matter.BLOCKED_LANE
        assert json.loads(chosen.model_dump_json())["review"]["code5"] == TRICYCLE
