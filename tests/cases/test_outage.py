"""PostgreSQL goes away and comes back: nothing is lost, nothing is told twice."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import create_engine, event, text

from cv.cases.database import Database
from cv.cases.engine import take_turns
from cv.cases.migrate import _TURNS
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.recorder import CaseRecorder
from cv.cases.review import review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Receipt
from cv.cases.targets.webhook import WebhookTarget
from cv.cases.transaction_retry import retried, retried_if_undone
from cv.detect.detector import Detector
from cv.detect.frames import Frame
from cv.detect.picture import Pixels
from cv.detect.trouble import Trouble
from cv.detect.watch import CameraWatch
from cv.errors import StoreError, UserError
from cv.site import Site
from tests.cases.conftest import Clock
from tests.cases.filings import START, case_of, incident
from tests.detect.test_watch import site_in
from tests.listening import until
from tests.postgresql import PostgreSQL
from tests.webhook_receiver import WebhookReceiver

APPEND = text("update cases set number = coalesce(number, '') || 'x' where id = :id")


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def server(mortal: PostgreSQL) -> PostgreSQL:
    """One that a test may kill."""
    if not mortal.running:
        mortal.start()
    return mortal


@pytest.fixture
def url(server: PostgreSQL) -> str:
    """A new database there."""
    return server.url(server.create())


def commit(store: CaseStore, site: Site, *numbers: int) -> None:
    store.commit_look(
        camera="gate", stream="live", filings=[case_of(site, n) for n in numbers], state=None,
        targets=["webhook"], now=Clock().now,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.media
def test_a_watch_whose_database_is_killed_records_every_incident(
    server: PostgreSQL, url: str, tmp_path: Path, media: Path
) -> None:
    image = np.asarray(
        cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp")), np.uint8
    )
    detector, site = Detector(backend="onnxruntime"), site_in(tmp_path)
    camera = site.cameras[0]
    said: list[str] = []
    trouble = Trouble("gate", lambda error: said.append(str(error)))
    with CaseStore(url) as store:
        recorder = CaseRecorder(store, site, camera, "live", detector.info)
        watch = CameraWatch(site, camera, detector, recorder, every_s=1)
        for second in range(9):
            if second == 3:
                server.kill()
            elif second == 7:
                server.start()
            moment = datetime(2026, 3, 14, 8, tzinfo=UTC) + timedelta(seconds=second)
            trouble.look(watch, Frame(Pixels(image), moment, float(second), second))
        watch.close()
        found = store.cases(limit=99)
    opened = watch.open_incidents
    assert 3 < min(i.confirmed_at.second for i in opened) < 7, "some opened meanwhile"
    assert {stored.case.id for stored in found} == {i.id for i in opened}
    assert all(len(stored.case.evidence) >= 2 for stored in found), "with their pictures"
    assert said, "it was told"
    assert all("pass-word" not in line and "\n" not in line for line in said)


class KillsAfter(WebhookTarget):
    """The database dies at the worst moment: the city has the message, nobody has noted it."""

    number = 0
    kill: Callable[[], None]

    def deliver(self, message: Message) -> Receipt:
        receipt = super().deliver(message)
        self.number += 1
        if self.number == 3:
            self.kill()
        return receipt


@pytest.mark.slow
def test_a_deliverer_whose_database_is_killed_posts_each_case_once(
    server: PostgreSQL, url: str, site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outgoing = Outgoing(site.reporting.data, site.privacy)
    stop = threading.Event()
    with WebhookReceiver(tmp_path) as receiver, CaseStore(url) as store:
        commit(store, site, *range(8))
        hook = KillsAfter(receiver.url, [receiver.SECRET], outgoing, timeout_s=10)
        hook.kill = server.kill
        with Outbox(store, [hook]) as box:
            running = threading.Thread(target=box.run, args=(stop,))
            running.start()
            until(lambda: "delivery pauses" in caplog.text, within_s=60)
            time.sleep(2)
            assert len(receiver.received) == 3, "while it cannot be noted nothing leaves"
            server.start()
            until(lambda: len(receiver.received) >= 8, within_s=60)
            stop.set()
            running.join(timeout=30)
        assert Counter(row["key"] for row in receiver.received) == {
            f"{incident(n).id}.new": 1 for n in range(8)
        }
        states = {d.state for n in range(8) for d in store.deliveries(incident(n).id)}
    assert states == {"delivered"}
    assert "delivery goes on" in caplog.text
    pauses = [r.getMessage() for r in caplog.records if "delivery pauses" in r.getMessage()]
    assert len(pauses) == len(set(pauses)), "once for what is wrong, not every second"


def test_a_restart_is_waited_out(
    server: PostgreSQL, url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more patience: how long a restart takes is this machine's affair."""
    monkeypatch.setattr("cv.cases.database._PATIENCE_S", 60)
    monkeypatch.setattr("cv.cases.transaction_retry._WAITS_S", (0.1,) * 600)
    with CaseStore(url) as store:
        commit(store, site, 1)
        server.kill()
        starting = threading.Timer(0.5, server.start)
        starting.start()
        commit(store, site, 2)
        starting.join()
        server.stop()
        server.start()
        assert len(store.cases(limit=9)) == 2


@pytest.mark.slow
def test_a_longer_outage_is_waited_for_once_and_then_told_at_once(
    server: PostgreSQL, url: str, site: Site
) -> None:
    with CaseStore(url) as store:
        server.kill()
        for _ in range(2):
            with pytest.raises(StoreError, match="Connection refused") as caught:
                commit(store, site, 1)
        assert not caught.value.passing, "nobody has to wait any more"
        assert "pass-word" not in str(caught.value)
        server.start()
        commit(store, site, 1)
        assert len(store.cases(limit=9)) == 1
        server.kill()
        with pytest.raises(UserError, match="Connection refused"):
            CaseStore(url)


@pytest.mark.slow
def test_a_server_that_hangs_is_an_outage_too(
    server: PostgreSQL, url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine answers for it, so that the network sees nothing wrong."""
    monkeypatch.setattr("cv.cases.patient_connection.ANSWER_S", 0.5)
    with CaseStore(url) as store:
        commit(store, site, 1)
        with server.hanging():
            with pytest.raises(StoreError) as caught:
                commit(store, site, 2)
            assert "\n" not in str(caught.value)
            began = time.monotonic()
            with pytest.raises(StoreError, match="timeout expired"):
                commit(store, site, 2)
            assert time.monotonic() - began < 1, "others do not wait for the same"

        def is_back() -> bool:
            with contextlib.suppress(StoreError):
                commit(store, site, 2)
                return True
            return False

        until(is_back)
        assert len(store.cases(limit=9)) == 2


def test_a_hang_in_the_middle_of_a_transaction_says_how_long_it_was_waited_for(
    server: PostgreSQL, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv.cases.patient_connection.ANSWER_S", 1)
    monkeypatch.setattr("cv.cases.database._PAUSE_S", 0)
    with CaseStore(url) as store:
        with (
            pytest.raises(StoreError, match="it gave no answer for 1 s"),
            store.database.read() as session,
        ):
            session.execute(text("select 1"))
            with server.hanging():
                session.execute(text("select 2"))
        with store.database.read() as session:
            assert session.scalar(text("select 3")) == 3, "another connection took its place"


def test_a_migration_may_take_as_long_as_it_does(
    server: PostgreSQL, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it waits for another process that migrates."""
    monkeypatch.setattr("cv.cases.patient_connection.ANSWER_S", 0.3)
    monkeypatch.setattr("cv.cases.transaction_retry._WAITS_S", ())
    engine = create_engine(url)
    with ThreadPoolExecutor() as threads, engine.connect() as migrating:
        take_turns(migrating, _TURNS)
        opening = threads.submit(CaseStore, url)
        time.sleep(1.5)
        assert not opening.done()
        migrating.rollback()
        with opening.result() as store:
            assert store.cases(limit=9) == []
    engine.dispose()


def cut_at_commit(store: CaseStore, server: PostgreSQL, database: str, *, stored: bool) -> None:
    """The connection ends while the next transaction is being committed, before or after."""

    cuts = iter([True])

    def cut(connection: object) -> None:
        if not next(cuts, False):
            return
        if stored:
            connection.connection.commit()  # type: ignore[attr-defined]
            connection.connection.cursor().execute("select 1")  # type: ignore[attr-defined]
        server.execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
        )

    event.listen(store.database._engine, "commit", cut)


@pytest.fixture
def database(postgresql: PostgreSQL, empty_database: str) -> Iterator[str]:
    name = postgresql.create(empty_database)
    yield name
    postgresql.drop(name)


@pytest.mark.parametrize("stored", [False, True])
def test_what_may_be_stored_twice_is_stored_again_if_nobody_knows(
    postgresql: PostgreSQL, database: str, site: Site, stored: bool
) -> None:
    with CaseStore(postgresql.url(database)) as store:
        cut_at_commit(store, postgresql, database, stored=stored)
        commit(store, site, 1)
        assert len(store.deliveries(incident(1).id)) == 1
        claim = store.outbox.claim("webhook", Clock().now, 60)
        assert claim is not None
        cut_at_commit(store, postgresql, database, stored=stored)
        store.outbox.delivered(claim, Clock().now, "JZ-1")
        assert store.case(incident(1).id).number == "JZ-1"


@pytest.mark.parametrize("stored", [False, True])
def test_what_may_not_be_done_twice_is_not_repeated_if_nobody_knows(
    postgresql: PostgreSQL, database: str, site: Site, stored: bool
) -> None:
    with CaseStore(postgresql.url(database)) as store:
        commit(store, site, 1)
        cut_at_commit(store, postgresql, database, stored=stored)
        with pytest.raises(StoreError, match="whether it was stored, nobody knows") as caught:
            store.review(incident(1).id, review_of(None, "li", START))
        assert not caught.value.undone
        state = store.case(incident(1).id).case.review.state
        assert state == ("confirmed" if stored else "proposed")


def test_of_two_that_wait_for_each_other_both_end(
    postgresql: PostgreSQL, database: str, site: Site
) -> None:
    """A deadlock: PostgreSQL ends one of them, and that one runs again."""
    with CaseStore(postgresql.url(database)) as store:
        commit(store, site, 1, 2)
        together = threading.Barrier(2)
        runs: list[int] = []

        @retried_if_undone
        def touch(first: int, second: int) -> None:
            runs.append(first)
            with store.database.write() as session:
                for number in (first, second):
                    session.execute(
                        text(
                            "update cases set number = coalesce(number, '') || 'x' where id = :id"
                        ),
                        {"id": incident(number).id},
                    )
                    if number == first and len(runs) <= 2:
                        together.wait(timeout=30)

        threads = [threading.Thread(target=touch, args=pair) for pair in ((1, 2), (2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(runs) == 3
        assert [stored.number for stored in store.cases(limit=9)] == ["xx", "xx"]


def test_what_does_not_pass_is_not_tried_again(postgresql: PostgreSQL, database: str) -> None:
    tries: list[Database] = []

    @retried
    def read_only(database: Database) -> None:
        tries.append(database)
        with database.write() as session:
            session.execute(text("set transaction read only"))
            session.execute(text("delete from cases"))

    with (
        CaseStore(postgresql.url(database)) as store,
        pytest.raises(StoreError, match="read-only transaction"),
    ):
        read_only(store.database)
    assert len(tries) == 1
