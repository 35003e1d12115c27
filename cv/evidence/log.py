"""Who saw which evidence, and what was deleted: a chain of entries in the store's database.

Each entry is a line of JSON that holds the SHA-256 of the line before it, so that none can be
changed, taken out or put in without every later one disagreeing. Entries are only ever appended;
the oldest are pruned in one piece, and an entry says so (`cv.evidence.chain` verifies both).

Whoever can write the database can write the whole chain anew. Against that helps a head that was
noted elsewhere: the chain must still hold it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from cv.cases.database import Database
from cv.cases.engine import take_turns
from cv.cases.tables import EvidenceLogRow
from cv.cases.transaction_retry import retried, retried_if_undone

__all__ = [
    "LEAST_KEPT_S",
    "START",
    "Answer",
    "Entry",
    "Event",
    "EvidenceLog",
    "line_hash",
    "original_read",
    "os_user",
]

LEAST_KEPT_S = 180 * 86400.0
"""Six months, which the law on cybersecurity demands of such logs."""
START = "0" * 64
"""Stands for the hash before the first entry."""
_TURNS = 0x6B656C67
Answer = Literal["served", "refused", "expired", "gone", "unreadable"]
"""What becomes of an access."""
_T = TypeVar("_T")


class Event(BaseModel):
    """What happened.

    Attributes:
        action: view: a masked picture by link; original: an unmasked one; delete: retention removes
            something; retention: a run of it; prune: old entries of this log leave.
        who: `link`, `key <id>`, `user <name>`, or `nobody`, without a key that counts.
        what: a file relative to the data folder, or what else it was.
        address: of the client.
        reason: as the person gave it.
        sha256: of the picture that is deleted (of the last entry that is pruned).
        stored: when what is deleted was stored (when the last entry that is pruned was written).
        rule: by which it is deleted.
        run: which run of retention deletes it.
        count: how many a run deleted, or how many entries were pruned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["view", "original", "delete", "retention", "prune"]
    outcome: Answer | Literal["begun", "done", "failed"]
    who: str
    what: str
    address: str | None = None
    reason: str | None = None
    sha256: str | None = None
    stored: AwareDatetime | None = None
    rule: str | None = None
    run: str | None = None
    count: int | None = None


class Entry(Event):
    """An event in the chain; `previous` is the hash of the entry before it."""

    seq: int
    at: AwareDatetime
    previous: str


class EvidenceLog:
    """Usable from several threads and processes; the database stays its opener's to close."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried_if_undone
    def write(self, *events: Event, now: datetime | None = None) -> None:
        """Append entries, in one transaction; on the disk when this returns.

        Args:
            now: aware; by default the present.

        Raises:
            StoreError: the database refused it, or is away.
        """
        with self._database.write() as session:
            _append(session, events, now or datetime.now(UTC))

    def deletion_of(self, what: str) -> Entry | None:
        """Where a run of retention announced it; None again once that entry is pruned."""
        query = select(EvidenceLogRow.entry).where(EvidenceLogRow.what == what)
        with self._database.read() as session:
            lines = list(session.scalars(query.order_by(EvidenceLogRow.seq.desc())))
        entries = map(Entry.model_validate_json, lines)
        return next((entry for entry in entries if entry.action == "delete"), None)

    def lines(self, since: datetime | None = None) -> Iterator[str]:
        """The entries as they were written, the oldest first."""
        query = select(EvidenceLogRow.entry).order_by(EvidenceLogRow.seq)
        if since is not None:
            query = query.where(EvidenceLogRow.at >= since)
        with self._database.read() as session, session.scalars(_streamed(query)) as found:
            yield from found

    def unfinished_run(self, what: str) -> Entry | None:
        """The beginning of the last of these runs of retention, if no entry tells of its end."""
        query = (
            select(EvidenceLogRow.entry)
            .where(EvidenceLogRow.what == what)
            .order_by(EvidenceLogRow.seq.desc())
            .limit(1)
        )
        with self._database.read() as session:
            line = session.scalar(query)
        last = Entry.model_validate_json(line) if line else None
        return last if last is not None and last.outcome == "begun" else None

    def announced(self, begun: Entry) -> Iterator[Entry]:
        """What a run of retention said that it deletes."""
        query = select(EvidenceLogRow.entry).where(EvidenceLogRow.seq > begun.seq)
        with self._database.read() as session, session.scalars(_streamed(query)) as found:
            for line in found:
                entry = Entry.model_validate_json(line)
                if entry.action == "delete" and entry.run == begun.run:
                    yield entry

    def rows(self) -> Iterator[EvidenceLogRow]:
        """Everything that is stored of each entry, the oldest first."""
        query = select(EvidenceLogRow).order_by(EvidenceLogRow.seq)
        with self._database.read() as session, session.scalars(_streamed(query)) as found:
            yield from found

    @retried
    def prune(self, before: datetime, who: str, *, now: datetime) -> int:
        """Take out the entries from before a moment; gives how many.

        Raises:
            ValueError: `before` is within `LEAST_KEPT_S`.
        """
        if (now - before).total_seconds() < LEAST_KEPT_S:
            raise ValueError("entries of the last six months stay")
        with self._database.write() as session:
            take_turns(session.connection(), _TURNS)
            first_kept = session.scalar(
                select(func.min(EvidenceLogRow.seq)).where(EvidenceLogRow.at >= before)
            )
            query = select(EvidenceLogRow).order_by(EvidenceLogRow.seq.desc()).limit(1)
            if first_kept is not None:
                query = query.where(EvidenceLogRow.seq < first_kept)
            last = session.scalar(query)
            if last is None:
                return 0
            old = EvidenceLogRow.seq <= last.seq
            count = session.scalar(select(func.count()).where(old)) or 0
            event = Event(
                action="prune",
                outcome="done",
                who=who,
                what=f"log entries up to {last.seq}",
                sha256=last.hash,
                stored=last.at,
                count=count,
            )
            _append(session, [event], now)
            session.execute(delete(EvidenceLogRow).where(old))
        return count


def line_hash(line: str) -> str:
    """SHA-256 of an entry as it was written, hexadecimal."""
    return hashlib.sha256(line.encode()).hexdigest()


def original_read(what: str, who: str, reason: str, outcome: Answer = "served") -> Event:
    """A person asks for an original by a command."""
    return Event(action="original", outcome=outcome, who=who, what=what, reason=reason)


def os_user() -> str:
    """Who runs this process, by the system's word and not by a variable's."""
    try:
        return f"user {pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"user {os.getuid()}"


def _append(session: Session, events: Sequence[Event], now: datetime) -> None:
    take_turns(session.connection(), _TURNS)
    last = session.execute(
        select(EvidenceLogRow.seq, EvidenceLogRow.hash).order_by(EvidenceLogRow.seq.desc()).limit(1)
    ).one_or_none()
    seq, previous = (last.seq, last.hash) if last else (0, START)
    for event in events:
        seq += 1
        entry = Entry(seq=seq, at=now.astimezone(UTC), previous=previous, **dict(event))
        line = entry.model_dump_json(exclude_none=True)
        previous = line_hash(line)
        session.add(EvidenceLogRow(seq=seq, at=now, what=event.what, entry=line, hash=previous))


def _streamed(query: Select[_T]) -> Select[_T]:
    return query.execution_options(yield_per=500)
