"""What is set on a connection: SQLite loses nothing, PostgreSQL's loss is noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from cv.errors import UserError

__all__ = [
    "database_name",
    "database_url",
    "driver_missing",
    "make_engine",
    "reason",
    "take_turns",
    "without_limit",
]

_BUSY_S = 30.0
# Without them, a server whose machine is off is waited for as long as TCP does: a quarter of an
# hour. libpq's names; what the URL says counts more.
_POSTGRESQL = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "kerbwatch",
}


def database_url(place: Path | str) -> URL:
    """The URL of a SQLite file, whose folder is made, or the one given.

    Raises:
        UserError: it is none, or the folder cannot be made.
    """
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
        except ArgumentError:
            raise UserError("the store is neither a file nor a database URL") from None
        # The one driver that is an extra of ours, whichever SQLAlchemy takes by itself.
        return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
    path = Path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: {error.strerror}") from error
    return URL.create("sqlite", database=str(path))


def database_name(url: URL) -> str:
    """What messages call it; nothing in it is secret."""
    if _is_sqlite(url):
        return str(url.database)
    where = {name: url.query[name] for name in ("host", "port") if name in url.query}
    return url.set(query=where).render_as_string(hide_password=True)


def make_engine(url: URL) -> Engine:
    """Connections come from a pool; nothing is opened yet.

    Errors do not show what was to be stored: it holds what citizens wrote.

    Raises:
        ArgumentError, ImportError: there is no driver for it.
    """
    if not _is_sqlite(url):
        wanted = _POSTGRESQL if url.get_backend_name() == "postgresql" else {}
        settings = {name: value for name, value in wanted.items() if name not in url.query}
        engine = create_engine(url, pool_pre_ping=True, connect_args=settings, hide_parameters=True)
        if url.get_driver_name() == "psycopg":
            event.listen(engine, "do_connect", _connect)
        return engine
    engine = create_engine(url, connect_args={"timeout": _BUSY_S}, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def driver_missing(error: ArgumentError | ImportError) -> str:
    """What a person is told of what `make_engine` raises."""
    if isinstance(error, ImportError) and error.name in ("psycopg", "psycopg_binary"):
        return 'PostgreSQL needs its driver: pip install "kerbwatch[postgres]"'
    return f"no driver for this database: {error}"


def reason(error: Exception) -> str:
    """The first line of what a database says is wrong."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or "database error").splitlines()[0]


@contextmanager
def without_limit(connection: Connection) -> Iterator[None]:
    """For statements that may take minutes, such as migrations: a driver's limit does not hold."""
    driver: Any = connection.connection.dbapi_connection
    limited = getattr(driver, "limited", False)
    try:
        if limited:
            driver.limited = False
        yield
    finally:
        if limited:
            driver.limited = True


def take_turns(connection: Connection, number: int) -> None:
    """Wait until no other transaction holds this number; it is held until this one ends.

    Only PostgreSQL needs it: SQLite's transactions that write take turns by themselves.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _connect(_: Dialect, __: object, arguments: list[Any], named: dict[str, Any]) -> Any:
    from cv.cases.patient_connection import PatientConnection  # psycopg is an extra

    return PatientConnection.connect(*arguments, **named)


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late for a write lock
    cursor = connection.cursor()
    _use_wal(cursor)
    # FULL keeps what was committed through a power cut; WAL's default is NORMAL, which may not.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """WAL lets readers and a writer work at once.

    Two processes that make a new file WAL at once do not wait for each other, whatever the
    busy time-out is: SQLite says `locked` at once. So ask, and ask again.
    """
    deadline = monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
            sleep(0.02)


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later could not get the lock: it takes it at once.
    writes = connection.get_execution_options().get("kerbwatch_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
