"""The database: safe on a power cut, migrated once, and clear about what is wrong with it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, text

from cv.cases import database
from cv.cases.database import Database
from cv.cases.migrate import HEAD, migrations_folder
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.tables import Tables
from cv.errors import KerbwatchError, UserError
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import START, case_of, incident


def test_nothing_that_was_committed_is_lost_at_a_power_cut(store: CaseStore) -> None:
    with store.database.read() as session:
        assert session.scalar(text("pragma journal_mode")) == "wal"
        assert session.scalar(text("pragma synchronous")) == 2
        assert session.scalar(text("pragma foreign_keys")) == 1
        assert session.scalar(text("pragma busy_timeout")) == 30_000


def test_one_reads_while_another_writes(store: CaseStore, site: Site, file: File) -> None:
    file(case_of(site, 1))
    with store.database.write() as writing:
        writing.execute(text("update cases set number = 'JZ-1'"))
        assert [stored.number for stored in store.cases(limit=9)] == [None]
    assert [stored.number for stored in store.cases(limit=9)] == ["JZ-1"]


def test_the_migrations_make_the_tables_that_the_code_uses(empty_store: Path) -> None:
    engine = create_engine(f"sqlite:///{empty_store}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Tables.metadata) == []
    engine.dispose()


def test_the_code_knows_which_migration_is_the_last() -> None:
    assert ScriptDirectory(str(migrations_folder())).get_current_head() == HEAD


def test_a_store_of_the_first_revision_keeps_its_cases_numbers_and_what_may_have_left(
    tmp_path: Path, site: Site
) -> None:
    place = tmp_path / "cases.sqlite"
    at_revision(place, "0001")
    with sqlite3.connect(place) as raw:
        for n, targets in ((1, ("webhook",)), (2, ("webhook", "spool"))):
            document = case_of(site, n).model_dump_json()
            raw.execute(
                "insert into cases values (?, ?, 'new', 'blocked_lane', 'gate', 'kerb', 0, 0, 1, 1,"
                " '2026-03-14 07:30:00', '2026-03-14 07:35:00', '2026-03-14 08:30:00', ?)",
                (incident(n).id, f"JZ-{n}", document),
            )
            for target in targets:
                raw.execute(
                    "insert into outbox (key, target, case_id, event, body, state, attempts,"
                    " filed_at, next_at) values (?, ?, ?, 'new', ?, 'delivered', 1,"
                    " '2026-03-14 08:30:00', '2026-03-14 08:30:00')",
                    (f"{incident(n).id}.new", target, incident(n).id, document),
                )
    raw.close()
    with CaseStore(place) as store:
        numbers = {n: [d.number for d in store.deliveries(incident(n).id)] for n in (1, 2)}
        assert numbers == {1: ["JZ-1"], 2: [None, None]}, "of two targets nobody knows whose it was"
        assert store.case(incident(2).id).number == "JZ-2"
        rejected = review_of(RejectReason.MISTAKEN, "li", START)
        assert store.review(incident(1).id, rejected) == 0, "it may have left"


def at_revision(place: Path, revision: str) -> None:
    """Make a database as an earlier kerbwatch left it."""
    engine = create_engine(f"sqlite:///{place}")
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_opening_a_store_again_keeps_what_is_in_it(site: Site, clock: Clock) -> None:
    place = site.reporting.data / "100% of it?/案件.sqlite"
    for number in (1, 2):
        with CaseStore(place) as store:
            store.commit_look(
                camera="gate",
                stream="live",
                filings=[case_of(site, number)],
                state=None,
                targets=["spool"],
                now=clock.now,
            )
            assert len(store.cases(limit=9)) == number
    assert place.exists()


def test_a_store_with_a_sign_of_percent_in_its_program_path_migrates(tmp_path: Path) -> None:
    """Alembic's configuration expands %: a checkout in such a folder must not break it."""
    (tmp_path / "50% off").mkdir()
    copy = tmp_path / "50% off/cv"
    copy.symlink_to(Path(database.__file__).parents[1])
    code = "from cv.cases.store import CaseStore; CaseStore('cases.sqlite').close()"
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(copy.parent)}, check=True
    )
    assert (tmp_path / "cases.sqlite").stat().st_size > 0


def test_several_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cv.cases.store import CaseStore\n"
        "import alembic.command; print('ready', flush=True); sys.stdin.readline()\n"
        "for n in range(5): CaseStore(Path(sys.argv[1]) / str(n) / 'cases.sqlite').close()\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0] * 4
    for n in range(5):
        with sqlite3.connect(tmp_path / str(n) / "cases.sqlite") as raw:
            assert raw.execute("select version_num from alembic_version").fetchall() == [(HEAD,)]
        raw.close()


def test_a_migration_that_breaks_off_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cases.sqlite"

    def broken(*_: object) -> None:
        with sqlite3.connect(place, timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("create table x (y)")
        other.close()
        raise KerbwatchError("cut short")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", lambda *_: broken())
        with pytest.raises(KerbwatchError, match="cut short"):
            CaseStore(place)
    with CaseStore(place) as store:
        assert store.cases(limit=1) == []


def test_a_store_of_a_newer_kerbwatch_is_refused(store_path: Path) -> None:
    with sqlite3.connect(store_path) as raw:
        raw.execute("update alembic_version set version_num = '9999'")
    raw.close()
    with pytest.raises(UserError, match=r"cases\.sqlite: written by a newer kerbwatch") as caught:
        CaseStore(store_path)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_a_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a database " * 100)
    (tmp_path / "folder.sqlite").mkdir()
    for place, says in (
        (tmp_path / "file", "not a database"),
        (tmp_path / "file/cases.sqlite", "Not a directory|File exists"),
        (tmp_path / "folder.sqlite", "unable to open"),
        ("nodb://user:secret@host/x", "no driver"),
        ("sqlite://///nowhere/at/all.sqlite", "unable to open"),
    ):
        with pytest.raises(UserError, match=says) as caught:
            CaseStore(place)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_file_that_may_only_be_read_is_one_line(
    store_path: Path, site: Site, clock: Clock
) -> None:
    CaseStore(store_path).close()
    with CaseStore(f"sqlite:///file:{store_path}?mode=ro&uri=true") as store:
        assert store.cases(limit=9) == []
        with pytest.raises(KerbwatchError, match="readonly database") as caught:
            store.commit_look(
                camera="gate", stream="live", filings=[], state="{}", targets=[], now=clock.now
            )
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line_and_costs_nothing_that_was_stored(
    store_path: Path, site: Site, clock: Clock
) -> None:
    def file(store: CaseStore, number: int) -> None:
        store.commit_look(
            camera="gate",
            stream="live",
            filings=[case_of(site, number)],
            state=f'{{"look": {number}}}',
            targets=["spool"],
            now=clock.now,
        )

    with CaseStore(store_path) as store:
        with store.database.read() as session:
            pages = session.scalar(text("pragma page_count"))
        # SQLite then says SQLITE_FULL, as it does when the disk is.
        event.listen(
            store.database._engine,
            "connect",
            lambda raw, _: raw.execute(f"pragma max_page_count = {pages + 12}"),
        )
        store.database._engine.dispose()
        with pytest.raises(KerbwatchError, match="full") as caught:
            for number in range(99):
                filed = number
                file(store, number)
        assert "\n" not in str(caught.value)
        assert filed > 1
        assert len(store.cases(limit=99)) == filed
        assert store.load_state("gate", "live") == f'{{"look": {filed - 1}}}'
    with CaseStore(store_path) as store:
        file(store, filed)
        assert store.case(incident(filed).id).case.id == incident(filed).id


def test_a_mistake_in_our_own_sql_is_not_dressed_up(store_path: Path) -> None:
    from sqlalchemy.exc import IntegrityError

    data = Database(store_path)
    with pytest.raises(IntegrityError), data.write() as session:
        session.execute(text("insert into watch_state (camera) values (null)"))
    data.close()
