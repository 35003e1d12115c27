"""The outbox: retries, order, leases, lanes; nothing twice, nothing lost."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text, update

from cv.cases.deliveries import LaneStanding
from cv.cases.due import LEASE_S, RETRY_DELAYS_S
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.cases.store import CaseStore
from cv.cases.tables import DeliveryRow
from cv.cases.targets import Message, Receipt, Target, UnreachableError
from cv.cases.targets.webhook import WebhookTarget
from cv.errors import DeliveryError
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import case_of, incident
from tests.listening import until
from tests.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.both_databases

Outcome = Callable[[], None]


@dataclass
class Desk:
    """A target that does as told, and remembers what it took."""

    name: str = "webhook"
    outcomes: list[Exception | None] = field(default_factory=list)
    always: Exception | None = None
    asked: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def deliver(self, message: Message) -> Receipt:
        self.asked.append(message.key)
        error = self.outcomes.pop(0) if self.outcomes else self.always
        if error is not None:
            raise error
        self.taken.append(message.key)
        return Receipt("JZ-1")

    def close(self) -> None:
        """Nothing to close."""


def outbox(store: CaseStore, clock: Clock, *targets: Target) -> Outbox:
    return Outbox(store, targets, clock=clock, rng=Random(1))


def states(store: CaseStore, number: int = 0) -> list[tuple[str, str]]:
    return [(d.event, d.state) for d in store.deliveries(incident(number).id)]


def key(number: int, event: str = "new") -> str:
    return f"{incident(number).id}.{event}"


def test_whatever_the_receiver_does_it_ends_with_one_copy_of_each_case(
    store: CaseStore, site: Site, file: File, clock: Clock, tmp_path: Path
) -> None:
    """The real webhook and a real receiver that verifies with the standards' own packages."""
    file(*(case_of(site, number) for number in range(6)))
    failures = ("500", "drop", "late", "lost", "429", "302", "503", "cut")
    with WebhookReceiver(tmp_path, *failures) as receiver:
        hook = WebhookTarget(
            receiver.url, [receiver.SECRET], Outgoing(site.reporting.data, site.privacy),
            timeout_s=60,  # `late` hangs up by itself; the others may take their time
        )  # fmt: skip
        with outbox(store, clock, hook) as box:
            for _ in range(60):
                report = box.deliver_due()
                if not report.pending:
                    break
                clock.move(600)
        taken = Counter(row["key"] for row in receiver.received if not row["repeat"])
        repeats = [row["key"] for row in receiver.received if row["repeat"]]
    assert taken == {key(number): 1 for number in range(6)}
    assert len(repeats) == 2, "taken without an answer: `late` and `lost` came again, same key"
    assert states(store, 0) == [("new", "delivered")]
    assert store.case(incident(0).id).number == f"JZ-{incident(0).id[-6:]}"


def test_a_refused_message_is_tried_ten_times_over_days_and_then_kept(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site))
    filed = clock.now
    assert store.outbox.lanes() == [LaneStanding("webhook", 1, 0, 0, filed)]
    desk = Desk(always=DeliveryError("answered 500"))
    box = outbox(store, clock, desk)
    waits = []
    for attempt in range(1, 11):
        report = box.deliver_due()
        assert len(desk.asked) == attempt
        if report.next_at is None:
            break
        waits.append((report.next_at - clock.now).total_seconds())
        clock.now = report.next_at - timedelta(seconds=0.01)
        box.deliver_due()
        assert len(desk.asked) == attempt, "not before its time"
        clock.now = report.next_at
    for wait, scheduled in zip(waits, RETRY_DELAYS_S[1:], strict=True):
        assert scheduled <= wait <= 1.1 * scheduled + 1e-3
    (letter,) = store.deliveries(incident().id)
    assert (letter.state, letter.attempts, letter.last_error) == ("dead", 10, "answered 500")
    assert store.outbox.lanes() == [LaneStanding("webhook", 0, 0, 1, filed)]
    clock.move(1e7)
    assert box.deliver_due().pending == 0
    assert len(desk.asked) == 10
    desk.always = None
    assert store.retry(None, clock.now) == 1
    assert box.deliver_due().delivered == 1
    assert store.outbox.lanes() == [LaneStanding("webhook", 0, 0, 0, None)]


def test_a_receiver_that_asks_to_wait_is_left_alone(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 0), case_of(site, 1))
    desk = Desk(outcomes=[DeliveryError("answered 429", retry_after_s=900)])
    box = outbox(store, clock, desk)
    box.deliver_due()
    clock.move(899)
    box.deliver_due()
    assert len(desk.asked) == 1, "the other message waits too"
    clock.move(2)
    assert box.deliver_due().delivered == 2


def test_while_nobody_answers_one_message_asks_for_all(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(*(case_of(site, number) for number in range(5)), targets=("webhook", "spool"))
    down = Desk(always=UnreachableError("no answer"))
    other = Desk(name="spool")
    box = outbox(store, clock, down, other)
    box.deliver_due()
    assert len(down.asked) == 1
    assert len(other.taken) == 5, "targets do not wait for one another"
    for _ in range(60):
        clock.move(30)
        box.deliver_due()
    assert len(down.asked) < 20
    down.always = None
    clock.move(300)
    box.deliver_due()
    clock.move(3 * 3600)
    box.deliver_due()
    assert sorted(down.taken) == sorted(key(number) for number in range(5))


@pytest.mark.parametrize("failure", ["429", "502", "503", "504"])
def test_a_receiver_that_can_take_no_more_is_left_alone_for_a_while(
    store: CaseStore, site: Site, file: File, clock: Clock, *, failure: str, tmp_path: Path
) -> None:
    """Though it does not say for how long."""
    file(*(case_of(site, number) for number in range(5)))
    receiver = WebhookReceiver(tmp_path, failure)
    receiver.start()
    try:
        outgoing = Outgoing(site.reporting.data, site.privacy, None, None)
        box = outbox(store, clock, WebhookTarget(receiver.url, [receiver.SECRET], outgoing))
        assert box.deliver_due().failed == 1
        assert box.deliver_due().failed == 0
        clock.move(3600)
        assert box.deliver_due().delivered == 5
    finally:
        receiver.stop()


def test_a_receiver_that_is_gone_is_turned_off_until_someone_retries(
    store: CaseStore, site: Site, file: File, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file(case_of(site, 0), case_of(site, 1))
    desk = Desk(outcomes=[DeliveryError("answered 410 Gone", gone=True)])
    box = outbox(store, clock, desk)
    box.deliver_due()
    clock.move(1e6)
    box.deliver_due()
    assert len(desk.asked) == 1
    assert box.turned_off() == {"webhook": "answered 410 Gone"}
    assert "ALARM" in caplog.text
    store.retry(None, clock.now)
    box.deliver_due()
    assert box.turned_off() == {}
    assert Counter(desk.taken) == {key(0): 1, key(1): 1}


def test_a_target_is_turned_on_though_what_it_refused_was_superseded(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    desk = Desk()
    box = outbox(store, clock, desk)
    file(case_of(site))
    box.deliver_due()
    desk.outcomes = [DeliveryError("answered 410 Gone", gone=True)]
    file(case_of(site, event="updated", seen_s=900))
    box.deliver_due()
    file(case_of(site, event="cleared", seen_s=900))
    assert states(store, 0) == [
        ("new", "delivered"),
        ("updated", "superseded"),
        ("cleared", "pending"),
    ]
    assert store.retry(None, clock.now) == 0
    box.deliver_due()
    assert box.turned_off() == {}
    assert states(store, 0)[-1] == ("cleared", "delivered")


def test_a_case_is_known_by_the_number_of_who_said_one_first(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    def tell(target: str, number: str) -> str | None:
        claim = store.outbox.claim(target, clock.now, 60)
        assert claim
        store.outbox.delivered(claim, clock.now, number)
        return store.case(incident().id).number

    file(case_of(site), targets=("webhook", "roundup"))
    assert tell("webhook", "token 7") == "token 7"
    assert tell("roundup", "issue12") == "token 7"
    file(case_of(site, 0, "updated", seen_s=900), targets=("webhook", "roundup"))
    assert tell("roundup", "issue12") == "token 7"
    assert tell("webhook", "JZ-7") == "JZ-7", "what its token stood for"


def test_a_case_is_told_in_order_and_late_updates_are_left_out(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    desk = Desk(outcomes=[DeliveryError("answered 500")])
    box = outbox(store, clock, desk)
    file(case_of(site))
    box.deliver_due()
    file(case_of(site, event="updated", seen_s=900))
    file(case_of(site, event="cleared", seen_s=1800))
    box.deliver_due()
    assert desk.asked == [key(0)], "what cleared waits for what was reported"
    clock.move(600)
    box.deliver_due()
    assert desk.taken == [key(0), key(0, "cleared")]
    assert states(store)[1][1] == "superseded"


def test_a_message_of_a_dead_process_is_taken_over_when_its_lease_ends(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site))
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    desk = Desk()
    box = outbox(store, clock, desk)
    report = box.deliver_due()
    assert (report.delivered, report.pending) == (0, 1)
    assert report.next_at == clock.now + timedelta(seconds=LEASE_S)
    clock.move(LEASE_S)
    assert box.deliver_due().delivered == 1
    assert states(store) == [("new", "delivered")]
    assert store.case(incident().id).number == "JZ-1"


def test_an_update_overtaken_while_its_deliverer_died_is_left_out(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    desk = Desk()
    box = outbox(store, clock, desk)
    file(case_of(site))
    box.deliver_due()
    file(case_of(site, event="updated", seen_s=900))
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    file(case_of(site, event="updated", seen_s=1200), case_of(site, event="cleared", seen_s=1800))
    clock.move(LEASE_S)
    box.deliver_due()
    assert desk.taken == [key(0), key(0, "cleared")]
    assert [state for _, state in states(store)[1:3]] == ["superseded"] * 2


def test_an_update_overtaken_in_the_moment_it_failed_holds_up_nothing(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    """Of two processes, neither sees what the other has not committed yet."""
    desk = Desk()
    box = outbox(store, clock, desk)
    file(case_of(site))
    box.deliver_due()
    file(case_of(site, event="updated", seen_s=900))
    assert store.outbox.claim("webhook", clock.now, LEASE_S) is not None
    filing = threading.Thread(target=file, args=(case_of(site, event="cleared", seen_s=1800),))
    with store.database.write() as session:
        failing = update(DeliveryRow).where(DeliveryRow.event == "updated")
        tomorrow = clock.now + timedelta(days=1)
        session.execute(failing.values(lease_until=None, lease_token=None, next_at=tomorrow))
        filing.start()
        filing.join(0.5)
        assert filing.is_alive()
    filing.join()
    box.deliver_due()
    assert desk.taken == [key(0), key(0, "cleared")]


def test_who_was_presumed_dead_cannot_write_what_became_of_a_message(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site))
    slow = store.outbox.claim("webhook", clock.now, LEASE_S)
    clock.move(LEASE_S)
    taken_over = store.outbox.claim("webhook", clock.now, LEASE_S)
    assert slow is not None
    assert taken_over is not None
    assert not store.outbox.failed(slow, clock.now, "late news", None)
    assert not store.outbox.delivered(slow, clock.now, "JZ-9")
    assert states(store) == [("new", "pending")]
    assert store.outbox.delivered(taken_over, clock.now, "JZ-2")
    assert store.case(incident().id).number == "JZ-2"


def test_several_deliverers_share_the_work(
    store_place: Path | str, site: Site, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    desks = [Desk() for _ in range(4)]
    stores = [CaseStore(store_place) for _ in desks]
    stores[0].commit_look(
        camera="gate", stream="live", filings=[case_of(site, n) for n in range(30)],
        state=None, targets=["webhook"], now=clock.now,
    )  # fmt: skip
    boxes = [outbox(s, clock, d) for s, d in zip(stores, desks, strict=True)]
    threads = [threading.Thread(target=box.deliver_due) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in stores:
        opened.close()
    taken = Counter(k for desk in desks for k in desk.asked)
    assert taken == {key(number): 1 for number in range(30)}


def test_a_bug_in_a_target_ends_nothing_else(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 0), case_of(site, 1))
    desk = Desk(outcomes=[ZeroDivisionError()])
    report = outbox(store, clock, desk).deliver_due()
    assert (report.delivered, report.failed) == (1, 1)
    (waiting,) = [
        d for n in (0, 1) for d in store.deliveries(incident(n).id) if d.state == "pending"
    ]
    assert waiting.last_error == "internal error: ZeroDivisionError"


@dataclass
class Odd(Desk):
    """Says of what it took what cannot be."""

    says: ClosurePart | None = None

    def closures(self, numbers: Sequence[str]) -> dict[str, ClosurePart | None]:
        if self.says is None:
            raise KeyError("activity")
        return dict.fromkeys(numbers, self.says)


@pytest.mark.parametrize("year", [None, 1, 9999])
def test_an_odd_answer_about_what_is_closed_ends_no_delivery(
    year: int | None, store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 0))
    desk = Odd()
    if year:
        day = (1, 1) if year == 1 else (12, 31)
        zone = timezone(timedelta(hours=8 if year == 1 else -8))
        desk.says = ClosurePart(at=datetime(year, *day, 23 if year > 1 else 0, tzinfo=zone), by="x")
    box = outbox(store, clock, desk)
    assert box.deliver_due().closed == (0 if year is None else 1)
    file(case_of(site, 1))
    assert box.deliver_due().delivered == 1


def test_a_message_that_cannot_be_read_holds_up_no_other_case(
    store: CaseStore, site: Site, file: File, clock: Clock
) -> None:
    file(case_of(site, 0), case_of(site, 1))
    with store.database.write() as session:
        of_first = DeliveryRow.case_id == incident(0).id
        session.execute(update(DeliveryRow).where(of_first).values(body="{}"))
    report = outbox(store, clock, Desk()).deliver_due()
    assert (report.delivered, report.failed) == (1, 1)


def test_running_in_the_background_it_ends_what_it_began(store: CaseStore, site: Site) -> None:
    """With the real clock, as `detect` runs it."""
    desk = Desk()
    stop = threading.Event()
    with Outbox(store, [desk]) as box:
        thread = threading.Thread(target=box.run, args=(stop,))
        thread.start()
        clock = Clock()
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site)], state=None,
            targets=["webhook"], now=clock.now,
        )  # fmt: skip
        until(lambda: bool(desk.taken))
        stop.set()
        thread.join(timeout=60)
    assert not thread.is_alive()
    assert desk.taken == [key(0)]
    assert states(store) == [("new", "delivered")]


BREAKING = {
    "sqlite": (
        "create trigger broken before update on outbox "
        "begin select raise(abort, 'says the trigger'); end",
        "drop trigger broken",
    ),
    "postgresql": (
        "create function broken() returns trigger language plpgsql as $$ begin "
        "raise integrity_constraint_violation using message = 'says the trigger'; end $$; "
        "create trigger broken before update on outbox execute function broken()",
        "drop trigger broken on outbox",
    ),
}


def test_what_nobody_foresaw_is_told_once_without_citizens_words_and_ends_no_delivery(
    store: CaseStore, site: Site, file: File, caplog: pytest.LogCaptureFixture
) -> None:
    def execute(which: int) -> None:
        with store.database.write() as session:
            session.execute(text(BREAKING[session.get_bind().dialect.name][which]))

    file(case_of(site))
    execute(0)
    desk = Desk()
    stop = threading.Event()
    with Outbox(store, [desk]) as box:
        thread = threading.Thread(target=box.run, args=(stop,))
        thread.start()
        until(lambda: "ALARM: webhook: delivery pauses" in caplog.text)
        execute(1)
        until(lambda: bool(desk.taken))
        stop.set()
        thread.join(timeout=60)
    assert "says the trigger" in caplog.text
    assert caplog.text.count("ALARM") == 1
    assert "parameters hidden" in caplog.text
    assert desk.taken == [key(0)]
    assert states(store) == [("new", "delivered")]
