"""The database: safe on a power cut, and clear about what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, text

from cv.cases import database
from cv.cases.database import Database
from cv.cases.store import CaseStore
from cv.errors import KerbwatchError, UserError
from cv.site import Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import case_of, incident


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
