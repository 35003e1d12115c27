"""Brings the store's tables up to date when it is opened."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from cv.cases.engine import take_turns, without_limit
from cv.errors import UserError

__all__ = ["HEAD", "is_current", "migrate", "migrations_folder"]

HEAD = "0013"
"""The newest revision in migrations/versions."""

_TURNS = 0x6B657262
# Alembic's `op` and `context` are global: two stores of one process must not migrate at once.
_one_at_a_time = threading.Lock()


def migrations_folder() -> Path:
    return Path(__file__).parent / "migrations"


def is_current(connection: Connection) -> bool:
    """Whether nothing needs to be done: asked first, because Alembic takes 0.5 s to import."""
    return _revision(connection) == HEAD


def migrate(connection: Connection, name: str) -> None:
    """Upgrade within the connection's transaction, which must hold SQLite's write lock.

    Processes that start at once take turns; all but the first find nothing to do.

    Raises:
        UserError: a newer kerbwatch wrote the database.
    """
    with without_limit(connection):
        take_turns(connection, _TURNS)
        found = _revision(connection)
        if found != HEAD:
            with _one_at_a_time:
                _upgrade(connection, found, name)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection, found: str | None, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise UserError(
            f"{name}: written by a newer kerbwatch (its tables are {found}, "
            f"this one knows {HEAD}); upgrade kerbwatch"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
