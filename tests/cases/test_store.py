"""The case store: one transaction, no repeats, nothing after the end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from sqlite3 import Cursor

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from cv.cases.adopting import Watched
from cv.cases.filter import CaseFilter
from cv.cases.store import CaseStore
from cv.errors import UserError
from cv.geometry import Box
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import GATE, START, case_of, incident, picture

pytestmark = pytest.mark.both_databases

TRIGGER = {
    "sqlite": [
        "create trigger no_room before insert on watch_state "
        "begin select raise(abort, 'disk is full, says the trigger'); end"
    ],
    "postgresql": [
        "create function no_room() returns trigger language plpgsql as $$ begin "
        "raise integrity_constraint_violation using message = 'disk is full, says the trigger'; "
        "end $$",
        "create trigger no_room before insert on watch_state execute function no_room()",
    ],
}


def states(store: CaseStore, number: int = 0) -> list[tuple[str, str]]:
    return [(d.event, d.state) for d in store.deliveries(incident(number).id)]


def test_a_case_comes_back_as_it_was_filed(store: CaseStore, site: Site, file: File) -> None:
    case = case_of(site, evidence=(picture(site),))
    file(case)
    stored = store.case(case.id)
    assert stored.case == case
    assert stored.number is None
    assert [d.key for d in stored.deliveries] == [f"{case.id}.new"]
    assert store.case(case.id[:8]) == stored


def test_the_state_of_a_watch_is_kept_per_camera_and_line_of_time(
    store: CaseStore, clock: Clock
) -> None:
    for saved in ("{}", '{"look": 2}'):
        store.commit_look(
            camera="gate", stream="live", filings=[], state=saved, targets=[], now=clock.now
        )
    assert store.load_state("gate", "live") == '{"look": 2}'
    assert store.load_state("gate", "recording") is None
    assert store.load_state("square", "live") is None


def test_cases_messages_and_state_are_stored_together_or_not_at_all(
    store: CaseStore, site: Site, clock: Clock
) -> None:
    with store.database.write() as session:
        for statement in TRIGGER[session.get_bind().dialect.name]:
            session.execute(text(statement))
    with pytest.raises(IntegrityError, match="says the trigger"):
        store.commit_look(
            camera="gate",
            stream="live",
            filings=[case_of(site)],
            state="{}",
            targets=["spool"],
            now=clock.now,
        )
    assert store.cases(limit=9) == []
    assert store.deliveries(incident().id) == ()


def test_who_files_the_same_at_the_same_moment_files_it_once(
    store_place: Path | str, site: Site, clock: Clock
) -> None:
    """Two watches of a camera, by mistake, or a run that was started a second time."""
    stores = [CaseStore(store_place) for _ in range(4)]
    together = threading.Barrier(len(stores))

    def look(store: CaseStore) -> None:
        for number in range(8):
            together.wait(timeout=30)
            store.commit_look(
                camera="gate", stream="live", filings=[case_of(site, number)],
                state=f"{number}", targets=["webhook", "spool"], now=clock.now,
            )  # fmt: skip

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(look, stores))
    assert len(stores[0].cases(limit=99)) == 8
    for number in range(8):
        assert states(stores[0], number) == [("new", "pending")] * 2
    assert stores[0].load_state("gate", "live") == "7"
    for store in stores:
        store.close()


def test_what_a_receiver_says_is_kept_whatever_is_in_it(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    """PostgreSQL has no NUL, UTF-8 no half of a surrogate pair; JSON has both."""
    file(case_of(site))
    claim = store.outbox.claim("webhook", clock.now, 60)
    assert claim is not None
    assert store.outbox.failed(claim, clock.now, "bad\0 \ud800 案", clock.now)
    assert store.deliveries(incident().id)[0].last_error == "bad\ufffd ? 案"
    again = store.outbox.claim("webhook", clock.now, 60)
    assert again is not None
    assert store.outbox.delivered(again, clock.now, "JZ\0-1")
    assert store.case(incident().id).number == "JZ\ufffd-1"


def test_each_target_gets_its_own_message(store: CaseStore, site: Site, file: File) -> None:
    file(case_of(site), targets=("spool", "webhook"))
    assert [d.target for d in store.deliveries(incident().id)] == ["spool", "webhook"]


def test_without_targets_the_case_is_kept_all_the_same(
    store: CaseStore, site: Site, file: File
) -> None:
    for _ in range(2):
        file(case_of(site), targets=())
        file(case_of(site, event="cleared"), targets=())
    assert store.case(incident().id).case.state == "cleared"
    assert states(store) == []


def test_filing_the_same_again_changes_nothing(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    filings = [case_of(site), case_of(site, event="updated", seen_s=900)]
    filings.append(case_of(site, event="cleared", seen_s=1000))
    file(*filings)
    before = store.case(incident().id)
    clock.move(86400)
    file(*filings)
    assert store.case(incident().id) == before


def test_a_run_with_other_settings_adds_only_what_is_news(
    store: CaseStore, site: Site, file: File
) -> None:
    """It tells of the same case at slightly other moments (`same_case` gave it the id)."""
    file(case_of(site), case_of(site, event="updated", seen_s=900))
    file(case_of(site), case_of(site, event="updated", seen_s=899.5))
    assert states(store) == [("new", "pending"), ("updated", "pending")]
    file(case_of(site, event="updated", seen_s=1800))
    assert states(store)[1:] == [("updated", "superseded"), ("updated", "pending")]


def test_nothing_comes_after_cleared(store: CaseStore, site: Site, file: File) -> None:
    file(case_of(site), case_of(site, event="cleared"))
    file(case_of(site, event="updated", seen_s=5000), case_of(site, event="cleared", seen_s=6000))
    assert states(store) == [("new", "pending"), ("cleared", "pending")]
    assert store.case(incident().id).case.state == "cleared"


def test_an_undelivered_update_gives_way_to_what_comes_later(
    store: CaseStore, site: Site, file: File
) -> None:
    file(case_of(site), case_of(site, event="updated", seen_s=900))
    file(case_of(site, event="cleared", seen_s=1000))
    assert states(store) == [("new", "pending"), ("updated", "superseded"), ("cleared", "pending")]


def test_later_documents_carry_the_earlier_pictures(
    store: CaseStore, site: Site, file: File
) -> None:
    file(case_of(site, evidence=(picture(site), picture(site, role="before"))))
    file(case_of(site, event="cleared", evidence=(picture(site, role="after"),)))
    roles = [item.role for item in store.case(incident().id).case.evidence]
    assert roles == ["scene", "before", "after"]


def test_the_same_place_at_the_same_time_is_the_same_case(
    store: CaseStore, site: Site, file: File
) -> None:
    file(case_of(site))

    def same(box: Box, minute: float, **change: str) -> str | None:
        moment = START + timedelta(minutes=minute)
        place = {"camera": "gate", "zone": "kerb", "matter": "blocked_lane", **change}
        until = moment + timedelta(minutes=5)
        return store.same_case(Watched(box=box, first_seen=moment, last_seen=until, **place))

    near, far = Box(3, 103, 83, 163), Box(60, 100, 140, 160)
    assert same(near, 1) == incident().id
    assert same(near, -4) == incident().id
    assert same(far, 1) is None
    assert same(near, 30) is None
    assert same(near, -30) is None
    for change in ({"camera": "square"}, {"zone": "fire"}, {"matter": "roadside_vending"}):
        assert same(near, 1, **change) is None


def test_an_unknown_or_ambiguous_id_is_one_line(store: CaseStore, site: Site, file: File) -> None:
    file(case_of(site, 1), case_of(site, 2))
    for unknown in ("kw-none", incident(1).id.upper(), "%", "_" * 20, "", "\0", "\ud800"):
        with pytest.raises(UserError, match=r"no such case|several cases") as caught:
            store.case(unknown)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="several cases begin so; give more"):
        store.case("kw-")


def test_cases_are_filtered_and_the_latest_come_first(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 1), case_of(site, 2), case_of(site, 2, "cleared"))
    file(case_of(site, 3), case_of(site, 3, "updated", seen_s=400))

    def found(limit: int = 99, **wanted: object) -> list[str]:
        return [s.case.id for s in store.cases(CaseFilter(**wanted), limit=limit)]  # type: ignore[arg-type]

    one, two, three = (incident(n).id for n in (1, 2, 3))
    assert found() == [three, two, one]
    assert found(limit=1) == [three]
    assert found(state="open") == [three, one]
    assert found(state="new") == [one]
    assert found(state="updated") == [three]
    assert found(state="cleared") == [two]
    assert found(camera="gate", matter="blocked_lane") == [three, two, one]
    assert found(camera="square") == []
    assert found(matter="roadside_vending") == []
    assert found(since=START + timedelta(minutes=7)) == [three, two]
    assert GATE.lon is not None
    assert GATE.lat is not None
    assert found(near=(GATE.lon + 0.001, GATE.lat, 97)) == [three, two, one]
    assert found(near=(GATE.lon + 0.001, GATE.lat, 95)) == []
    assert found(until=START + timedelta(minutes=2)) == [two, one]
    assert found(dead=True) == []
    claim = store.outbox.claim("webhook", clock.now, 60)
    assert claim is not None
    store.outbox.failed(claim, clock.now, "never", None)
    assert found(dead=True) == [claim.case_id]


@pytest.mark.parametrize("question", ["standing", "to review"])
def test_what_is_asked_again_and_again_is_read_from_an_index(
    store_path: Path, question: str
) -> None:
    """The rows are long and stay for ever: to go through a year's took eight seconds, and a second
    and a half to find that there is nothing to review.
    """
    plans: list[str] = []
    with CaseStore(store_path) as store, store.database.read() as session:
        engine = session.get_bind()

        def plan(cursor: Cursor, statement: str, parameters: object) -> None:
            rows = cursor.connection.execute(f"explain query plan {statement}", parameters)  # type: ignore[arg-type]
            plans.extend(row[3] for row in rows)

        event.listen(engine, "before_cursor_execute", lambda _, c, s, p, *__: plan(c, s, p))
        if question == "standing":
            store.outbox.lanes()
            assert plans == ["SCAN outbox USING COVERING INDEX ix_outbox_standing"]
        else:
            store.cases(CaseFilter(review="proposed"), limit=9)
            assert plans[0] == "SEARCH cases USING INDEX ix_cases_review (review=?)"
