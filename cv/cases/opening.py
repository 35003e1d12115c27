"""Where a site's cases are: the SQLite file in its data folder, or the database that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DatabaseError

from cv.cases.engine import database_name, database_url, driver_missing, make_engine, reason
from cv.cases.migrate import is_current
from cv.cases.store import CaseStore
from cv.errors import UserError
from cv.site import Site

__all__ = ["existing_store", "open_store", "store_file", "store_standing"]


def open_store(site: Site) -> CaseStore:
    """The site's store; everything that reads or writes cases, photos or keys opens it here.

    Raises:
        UserError: it cannot be opened, or a newer kerbwatch wrote it.
    """
    return CaseStore(site.reporting.database or store_file(site))


@contextmanager
def existing_store(site: Site) -> Iterator[CaseStore | None]:
    """The store; None where there is no file of it yet, for looking makes none."""
    if site.reporting.database is None and not store_file(site).exists():
        yield None
        return
    with open_store(site) as store:
        yield store


def store_file(site: Site) -> Path:
    """Where the store is, unless the site names a database."""
    return site.reporting.data / "cases.sqlite"


def store_standing(site: Site) -> str:
    """What answers there; nothing is made or migrated.

    Raises:
        UserError: nothing does.
    """
    if site.reporting.database is None and not store_file(site).exists():
        return f"{store_file(site)}: none yet"
    url = database_url(site.reporting.database or store_file(site))
    name = database_name(url)
    try:
        engine = make_engine(url)
    except (ArgumentError, ImportError) as error:
        raise UserError(f"{name}: {driver_missing(error)}") from error
    try:
        with engine.connect() as connection:
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
            current = is_current(connection)
    except DatabaseError as error:
        raise UserError(f"{name}: {reason(error)}") from error
    finally:
        engine.dispose()
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(url.get_backend_name(), "")
    return f"{kind} {version}, {name}" + ("" if current else "; its tables come with the first run")
