"""The store's database: SQLite that loses nothing, any other by its SQLAlchemy URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from cv.cases.migrate import is_current, migrate
from cv.errors import KerbwatchError, UserError

__all__ = ["Database"]

_BUSY_S = 30.0


class Database:
    """A database whose tables are up to date; usable from several threads and processes.

    Args:
        place: a SQLite file on a local disk, or a SQLAlchemy URL.

    Raises:
        UserError: it cannot be opened or written, or a newer kerbwatch wrote it.
    """

    def __init__(self, place: Path | str) -> None:
        url = _url(place)
        self.name = url.database if _is_sqlite(url) else url.render_as_string(hide_password=True)
        try:
            self._engine = _engine(url)
        except (ArgumentError, ImportError) as error:
            raise UserError(f"{self.name}: no driver for this database: {error}") from error
        self._writing = self._engine.execution_options(kerbwatch_writes=True)
        try:
            with self._told(UserError):
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: all of it or nothing, on the disk when it ends.

        Raises:
            KerbwatchError: the database refused it (disk full, read-only file, lost connection).
        """
        with self._told(KerbwatchError), Session(self._writing) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; it never waits for one that writes."""
        with self._told(KerbwatchError), Session(self._engine) as session:
            yield session

    def _prepare(self) -> None:
        with self._engine.connect() as connection:
            if is_current(connection):
                return
        with self._writing.begin() as connection:
            migrate(connection, str(self.name))

    @contextmanager
    def _told(self, kind: type[KerbwatchError]) -> Iterator[None]:
        """Turn what the database says into one line. Mistakes in our own SQL stay as they are."""
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise
        except DatabaseError as error:
            reason = (str(error.orig).strip() or "database error").splitlines()[0]
            raise kind(f"{self.name}: {reason}") from error


def _url(place: Path | str) -> URL:
    if isinstance(place, str) and "://" in place:
        try:
            return make_url(place)
        except ArgumentError:
            raise UserError("the store is neither a file nor a database URL") from None
    path = Path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: {error.strerror}") from error
    return URL.create("sqlite", database=str(path))


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _engine(url: URL) -> Engine:
    if not _is_sqlite(url):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


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
