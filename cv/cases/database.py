"""Opening the store's database: SQLite that loses nothing, and migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from cv.errors import UserError

__all__ = ["HEAD", "open_database", "writing"]

HEAD = "0001"
"""The newest revision in migrations/versions."""

_BUSY_MS = 30_000
_LOCK = 0x6B657262  # "kerb": PostgreSQL's advisory lock around migrations


def open_database(place: Path | str) -> Engine:
    """An engine on a SQLite file or a SQLAlchemy URL, its tables up to date.

    Raises:
        UserError: it cannot be opened or written, or a newer kerbwatch wrote it.
    """
    url = place
    if isinstance(place, Path):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{place.parent}: {error.strerror}") from error
        url = f"sqlite:///{place}"
    engine = create_engine(str(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin)
    try:
        _migrate(engine, str(place))
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise UserError(f"{_shown(engine)}: {reason}") from error
    return engine


def writing(engine: Engine) -> Engine:
    """The engine for transactions that write: they take SQLite's write lock at their start."""
    return engine.execution_options(kerbwatch_writes=True)


def _shown(engine: Engine) -> str:
    """The database's address without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.render_as_string(hide_password=True)


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late for a write lock
    cursor = connection.cursor()
    # WAL lets readers and a writer work at once; FULL keeps what was committed through a power cut.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("kerbwatch_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine, place: str) -> None:
    """Upgrade if needed; two processes that start at once take turns."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _revision(connection)
        if found == HEAD:
            return
        _upgrade(connection, found, place)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except OperationalError:
        return None


def _upgrade(connection: Connection, found: str | None, place: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise UserError(f"{place}: written by a newer kerbwatch (revision {found}); upgrade first")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
