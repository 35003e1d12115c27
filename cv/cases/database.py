"""The store's database: SQLite that loses nothing, PostgreSQL that may go away and come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from cv.cases.engine import database_name, database_url, driver_missing, make_engine, reason
from cv.cases.migrate import is_current, migrate
from cv.cases.transaction_retry import retried
from cv.errors import StoreError, UserError

__all__ = ["Database"]

_PATIENCE_S = 3.0
"""How long an outage is waited out. Later calls ask once, so that nothing piles up behind them."""
_SLOW_S, _PAUSE_S = 1.0, 5.0
_PASSING = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock not available
}
_FORBIDDEN = "42501"
_MISTAKES = ("password", "does not exist")
"""In what a server says to who asks wrongly: it has no code, and waiting does not mend it."""


class Database:
    """A database whose tables are up to date; usable from several threads and processes.

    Args:
        place: a SQLite file on a local disk, or a SQLAlchemy URL.

    Raises:
        UserError: it cannot be opened or written, or a newer kerbwatch wrote it.
    """

    def __init__(self, place: Path | str) -> None:
        url = database_url(place)
        self.name = database_name(url)
        self._away_since: float | None = None
        self._paused_until, self._said = 0.0, ""
        try:
            self._engine = make_engine(url)
        except (ArgumentError, ImportError) as error:
            raise UserError(f"{self.name}: {driver_missing(error)}") from error
        self._writing = self._engine.execution_options(kerbwatch_writes=True)
        try:
            self._prepare()
        except StoreError as error:
            self.close()
            raise UserError(str(error)) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: all of it or nothing, on the disk when it ends.

        Raises:
            StoreError: the database refused it (disk full, read-only file), or is away.
        """
        self._check_pause()
        with Session(self._writing) as session:
            with self._told():
                yield session
                session.flush()
            with self._told(committing=True):
                session.commit()
        self._away_since = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; it never waits for one that writes.

        Raises:
            StoreError: as `write`.
        """
        self._check_pause()
        with self._told(), Session(self._engine) as session:
            yield session
        self._away_since = None

    @retried
    def _prepare(self) -> None:
        with self._told():
            with self._engine.connect() as connection:
                if is_current(connection):
                    return
            with self._writing.begin() as connection:
                migrate(connection, self.name)

    @contextmanager
    def _told(self, *, committing: bool = False) -> Iterator[None]:
        """Turn what the database says into one line. Mistakes in our own SQL stay as they are."""
        began = monotonic()
        try:
            yield
        except IntegrityError:
            raise
        except (DatabaseError, PoolTimeoutError) as error:
            state = getattr(getattr(error, "orig", None), "sqlstate", None)
            if isinstance(error, ProgrammingError) and state != _FORBIDDEN:
                raise
            lost = self._is_lost(error)
            said = reason(error)
            mistaken = state is None and any(words in said for words in _MISTAKES)
            passing = state in _PASSING or (lost and not mistaken and self._is_waited_for())
            undone = not (committing and lost)
            line = f"{self.name}: {said}"
            if lost and monotonic() - began > _SLOW_S:
                self._paused_until, self._said = monotonic() + _PAUSE_S, line
            raise StoreError(line, passing=passing, undone=undone) from error

    def _check_pause(self) -> None:
        """A server that took seconds to say nothing is left alone for a while.

        A hundred cameras save what they know: each would wait for the same time-out, in the place
        of another's look. One that refuses at once is asked at once.
        """
        if monotonic() < self._paused_until:
            raise StoreError(self._said, passing=False, undone=True)

    def _is_lost(self, error: DatabaseError | PoolTimeoutError) -> bool:
        """Whether the connection is gone, or there was none to be had."""
        if isinstance(error, PoolTimeoutError) or error.connection_invalidated:
            return True
        # libpq gives no code for a connection that was not made.
        is_server = self._engine.dialect.name != "sqlite"
        no_code = getattr(error.orig, "sqlstate", None) is None
        return is_server and isinstance(error, OperationalError) and no_code

    def _is_waited_for(self) -> bool:
        now = monotonic()
        if self._away_since is None:
            self._away_since = now
        return now - self._away_since < _PATIENCE_S
