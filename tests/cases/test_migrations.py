"""Migrations: from every earlier revision, with rows in it, to what the code uses today."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from cv.access.keys import Keys
from cv.cases.case import Case
from cv.cases.engine import make_engine
from cv.cases.migrate import HEAD, migrations_folder
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.tables import DeliveryRow, Tables
from cv.errors import KerbwatchError, UserError
from cv.photos.store import PhotoStore
from cv.site import Site
from tests.cases.filings import START, case_of, incident
from tests.cases.test_reported import reported
from tests.postgresql import PostgreSQL

DOCUMENTS = Path(__file__).parent / "documents"
CASE, PHOTO = (
    json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("case", "photo")
)
"""As the first kerbwatch that had such a table wrote them."""
REVISIONS = [
    script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions()
][::-1]
MEANT: dict[str, Any] = {
    "cases.id": CASE["id"],
    "cases.state": "new",
    "cases.document": json.dumps(CASE),
    "outbox.case_id": CASE["id"],
    "outbox.key": f"{CASE['id']}.new",
    "outbox.body": json.dumps(CASE),
    "outbox.state": "pending",
    "outbox.event": "new",
    "service_requests.case_id": CASE["id"],
    "adopted_incidents.case_id": CASE["id"],
    "photos.id": PHOTO["id"],
    "photos.document": json.dumps(PHOTO),
    "photo_images.photo_id": PHOTO["id"],
    "photo_images.phash": PHOTO["images"][0]["phash"],
    "keys.role": "operate",
}
"""What the code reads more from than its type."""
ANY: dict[type[Any], Any] = {
    str: "text",
    int: 1,
    float: 0.5,
    bool: True,
    bytes: b"bytes",
    datetime: START.replace(tzinfo=None),
}


# SQLite's indexes of expressions: `described` reads them from the database's own list.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Skipped unsupported reflection of expression",
    "ignore:autogenerate skipping metadata-specified expression",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """An empty database."""
    if request.param == "sqlite":
        yield sa.URL.create("sqlite", database=str(tmp_path / "cases.sqlite"))
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    yield sa.make_url(server.url(name))
    server.drop(name)


def opened(place: sa.URL) -> CaseStore:
    return CaseStore(place.database if is_sqlite(place) else text_of(place))  # type: ignore[arg-type]


def is_sqlite(place: sa.URL) -> bool:
    return place.get_backend_name() == "sqlite"


def text_of(place: sa.URL) -> str:
    return place.render_as_string(hide_password=False)


def at_revision(place: sa.URL, revision: str) -> sa.MetaData:
    """Make a database as an earlier kerbwatch left it; gives its tables."""
    engine = sa.create_engine(place)
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    tables = sa.MetaData()
    tables.reflect(engine)
    tables.remove(tables.tables["alembic_version"])
    engine.dispose()
    return tables


def row_of(table: sa.Table) -> dict[str, Any]:
    """A row that the code can read."""
    return {
        column.name: MEANT.get(str(column), ANY[column.type.python_type])
        for column in table.columns
    }


def test_the_code_knows_which_migration_is_the_last() -> None:
    assert REVISIONS[-1] == HEAD


def test_migrations_go_forward_only() -> None:
    scripts = ScriptDirectory(str(migrations_folder())).walk_revisions()
    assert [s.revision for s in scripts if hasattr(s.module, "downgrade")] == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_earlier_kerbwatch_stored_is_read_by_this_one(place: sa.URL, revision: str) -> None:
    old = at_revision(place, revision)
    engine = make_engine(place)
    with engine.begin() as connection:
        for table in old.sorted_tables:
            connection.execute(table.insert(), row_of(table))
    with opened(place) as store:
        (stored,) = store.cases(limit=9)
        assert json.loads(stored.case.model_dump_json(exclude_unset=True)) == CASE
        assert [delivery.key for delivery in stored.deliveries] == [f"{CASE['id']}.new"]
        assert store.load_state("text", "text") == "text"
        assert store.outbox.turned_off() == {"text": "text"}
        with store.database.read() as session:
            for mapper in Tables.registry.mappers:
                rows = session.scalars(sa.select(mapper.class_)).all()
                assert len(rows) == (mapper.local_table.name in old.tables), mapper
        if "photos" in old.tables:
            photo = PhotoStore(store.database).get(PHOTO["id"])
            assert photo is not None
            assert photo.record.model_dump(mode="json", exclude_unset=True) == PHOTO
        if "keys" in old.tables:
            assert [key.role for key in Keys(store.database).all()] == ["operate"]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Tables.metadata) == []
    engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_migrated_database_has_what_one_made_afresh_has(
    place: sa.URL, revision: str, tmp_path: Path
) -> None:
    """Types, null or not, keys and indexes, as the database itself tells them."""
    at_revision(place, revision)
    opened(place).close()
    migrated = described(place)
    if is_sqlite(place):
        place = sa.URL.create("sqlite", database=str(tmp_path / "fresh.sqlite"))
    else:
        clear(place)
    engine = sa.create_engine(place)
    Tables.metadata.create_all(engine)
    engine.dispose()
    assert migrated == described(place)


def clear(place: sa.URL) -> None:
    engine = sa.create_engine(place)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    engine.dispose()


def described(place: sa.URL) -> dict[str, Any]:
    engine = sa.create_engine(place)
    seen = sa.inspect(engine)

    def told(name: str) -> dict[str, Any]:
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in seen.get_columns(name)}
        indexes = {i["name"]: i["column_names"] for i in seen.get_indexes(name)}
        unique = sorted(u["column_names"] for u in seen.get_unique_constraints(name))
        foreign = [
            (f["constrained_columns"], f["referred_table"]) for f in seen.get_foreign_keys(name)
        ]
        key = seen.get_pk_constraint(name)["constrained_columns"]
        return {"columns": columns, "rest": (indexes, unique, foreign, key)}

    names = set(seen.get_table_names()) - {"alembic_version"}
    found = {name: told(name) for name in sorted(names)}
    if names and is_sqlite(place):
        query = sa.text("select name, sql from sqlite_master where type = 'index' and sql <> ''")
        with engine.connect() as connection:
            found["sqlite's own list"] = {i.name: i.sql for i in connection.execute(query)}
    engine.dispose()
    return found


def test_a_store_of_the_first_revision_keeps_its_numbers_and_what_may_have_left(
    place: sa.URL, site: Site
) -> None:
    old = at_revision(place, "0001")
    engine = make_engine(place)
    long_ago = datetime(2026, 3, 14, 8, 30)  # noqa: DTZ001 - as the tables have it
    with engine.begin() as connection:
        for n, targets in ((1, ("webhook",)), (2, ("webhook", "spool"))):
            document = case_of(site, n).model_dump_json()
            connection.execute(
                old.tables["cases"].insert(),
                {
                    "id": incident(n).id, "number": f"JZ-{n}", "state": "new",
                    "matter": "blocked_lane", "camera": "gate", "zone": "kerb",
                    "x1": 0, "y1": 0, "x2": 1, "y2": 1, "document": document,
                    "first_seen": long_ago, "last_seen": long_ago, "filed_at": long_ago,
                },
            )  # fmt: skip
            for target in targets:
                connection.execute(
                    old.tables["outbox"].insert(),
                    {
                        "key": f"{incident(n).id}.new", "target": target,
                        "case_id": incident(n).id, "event": "new", "body": document,
                        "state": "delivered", "attempts": 1,
                        "filed_at": long_ago, "next_at": long_ago,
                    },
                )  # fmt: skip
    engine.dispose()
    with opened(place) as store:
        numbers = {n: [d.number for d in store.deliveries(incident(n).id)] for n in (1, 2)}
        assert numbers == {1: ["JZ-1"], 2: [None, None]}, "of two targets nobody knows whose it was"
        assert store.case(incident(2).id).number == "JZ-2"
        rejected = review_of(RejectReason.MISTAKEN, "li", START)
        assert store.review(incident(1).id, rejected).moved == 0, "it may have left"


def test_what_a_citizen_wrote_goes_where_only_their_report_went(place: sa.URL, site: Site) -> None:
    """An earlier kerbwatch deleted reports and left addresses in cases and their messages."""
    old = at_revision(place, "0012")
    kept, swept = (with_words(reported(site, number)) for number in (1, 2))
    watched = case_of(site).model_copy(update={"reports": swept.reports})
    engine = make_engine(place)
    with engine.begin() as connection:
        for seq, case in enumerate((kept, swept, watched)):
            document = case.model_dump_json()
            for name, row in (
                ("cases", {"id": case.id, "document": document}),
                ("outbox", {"seq": seq, "key": case.key, "case_id": case.id, "body": document}),
            ):
                table = old.tables[name]
                connection.execute(table.insert(), row_of(table) | row)
        photos = old.tables["photos"]
        connection.execute(photos.insert(), row_of(photos) | {"id": kept.id})
    engine.dispose()
    with opened(place) as store, store.database.read() as session:
        for case in (kept, swept, watched):
            body = session.scalar(sa.select(DeliveryRow.body).where(DeliveryRow.key == case.key))
            for told in (store.case(case.id).case, Case.model_validate_json(body or "")):
                if case is kept:
                    assert told == case
                    continue
                (said,) = told.reports
                assert (said.address, said.description) == (None, None)
                address = None if case is swept else case.place.address
                assert told.place == case.place.model_copy(update={"address": address})


def with_words(case: Case) -> Case:
    """A citizen's case that says where it is in words."""
    (said,) = case.reports
    said = said.model_copy(update={"address": "李四家门口"})
    place = case.place.model_copy(update={"address": "李四家门口"})
    return case.model_copy(update={"reports": (said,), "place": place})


@pytest.fixture
def new_places(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str, int], list[str]]]:
    """Makes places of stores that are not there yet."""
    dropped: list[str] = []

    def make(kind: str, count: int) -> list[str]:
        if kind == "sqlite":
            return [str(tmp_path / str(n) / "cases.sqlite") for n in range(count)]
        server: PostgreSQL = request.getfixturevalue("postgresql")
        dropped.extend(server.create() for _ in range(count))
        return [server.url(name) for name in dropped]

    yield make
    for name in dropped:
        request.getfixturevalue("postgresql").drop(name)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_processes_open_a_new_store_at_once(
    kind: str, new_places: Callable[[str, int], list[str]]
) -> None:
    code = (
        "import sys; from cv.cases.store import CaseStore\n"
        "import alembic.command; print('ready', flush=True); sys.stdin.readline()\n"
        "for place in sys.argv[1:]: CaseStore(place).close()\n"
    )
    places = new_places(kind, 3)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
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
    assert [process.returncode for process in running] == [0] * 3
    for place in places:
        with CaseStore(place) as store, store.database.read() as session:
            found = session.scalars(sa.text("select version_num from alembic_version")).all()
        assert found == [HEAD]


def test_a_migration_that_breaks_off_leaves_nothing_half_done(
    place: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def broken(config: Config, _: str) -> None:
        upgrade(config, "0001")
        raise KerbwatchError("cut short")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", broken)
        with pytest.raises(KerbwatchError, match="cut short"):
            opened(place)
    assert described(place) == {}
    with opened(place) as store:
        assert store.cases(limit=1) == []


def test_while_one_migrates_a_sqlite_file_no_other_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cases.sqlite"

    def watched(*_: object) -> None:
        with sqlite3.connect(place, timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("create table x (y)")
        other.close()
        raise KerbwatchError("seen")

    monkeypatch.setattr("alembic.command.upgrade", watched)
    with pytest.raises(KerbwatchError, match="seen"):
        CaseStore(place)


def test_a_store_of_a_newer_kerbwatch_is_refused(place: sa.URL) -> None:
    with opened(place) as store, store.database.write() as session:
        session.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(UserError, match="written by a newer kerbwatch") as caught:
        opened(place)
    assert str(caught.value).startswith(
        str(place.database if is_sqlite(place) else place.render_as_string(hide_password=True))
    )
    assert "\n" not in str(caught.value)
