"""The case store: cases, their deliveries and the watches' states, in one database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.database import open_database, writing
from cv.cases.tables import CaseRow, DeliveryRow, StateRow, TargetRow
from cv.errors import KerbwatchError, UserError
from cv.geometry import Box, iou

__all__ = ["CaseStore", "DeliveryRecord", "StoredCase"]

_SAME_PLACE_IOU = 0.5


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as it stands; `number` is the receiver's."""

    case: Case
    number: str | None
    filed_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """How the delivery of one message to one target stands."""

    key: str
    target: str
    event: str
    state: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    last_error: str | None


class CaseStore:
    """Opens (and migrates) the database; a context manager, usable from several threads.

    Args:
        place: a SQLite file, or any SQLAlchemy URL.

    Raises:
        UserError: the database cannot be opened or a newer kerbwatch wrote it.
    """

    def __init__(self, place: Path | str) -> None:
        self._engine = open_database(place)
        self._writing = writing(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: all of it or nothing.

        Raises:
            KerbwatchError: the database refused it (disk full, read-only file, lost connection).
        """
        try:
            with Session(self._writing) as session, session.begin():
                yield session
        except DatabaseError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise KerbwatchError(f"case store: {reason}") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._engine) as session:
            yield session

    def commit_look(
        self,
        *,
        camera: str,
        stream: str,
        filings: Sequence[Case],
        state: str | None,
        targets: Sequence[str],
        now: datetime,
    ) -> None:
        """File cases with their messages and save the watch's state, in one transaction.

        A message that was filed before (the same input a second time) changes nothing.
        """
        with self.write() as session:
            for case in filings:
                _file(session, case, targets, now)
            if state is not None:
                session.merge(StateRow(camera=camera, stream=stream, state=state, saved_at=now))

    def load_state(self, camera: str, stream: str) -> str | None:
        with self.read() as session:
            row = session.get(StateRow, (camera, stream))
            return row.state if row else None

    def same_case(
        self,
        *,
        camera: str,
        zone: str,
        matter: str,
        box: Box,
        first_seen: datetime,
        last_seen: datetime,
    ) -> str | None:
        """The id of a case filed for the same place (IoU ≥ 0.5) whose stretch of time overlaps."""
        query = select(CaseRow).where(
            CaseRow.camera == camera,
            CaseRow.zone == zone,
            CaseRow.matter == matter,
            CaseRow.first_seen <= last_seen.astimezone(UTC),
            CaseRow.last_seen >= first_seen.astimezone(UTC),
        )
        with self.read() as session:
            overlaps = [
                (iou(box, Box(row.x1, row.y1, row.x2, row.y2)), row.id)
                for row in session.scalars(query)
            ]
        share, case_id = max(overlaps, default=(0.0, None))
        return case_id if share >= _SAME_PLACE_IOU else None

    def cases(
        self,
        *,
        state: str | None = None,
        camera: str | None = None,
        matter: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[StoredCase]:
        """Cases, latest first; `state` is open (new or updated) or cleared."""
        query = select(CaseRow).order_by(CaseRow.first_seen.desc(), CaseRow.id)
        if state is not None:
            query = query.where((CaseRow.state == "cleared") == (state == "cleared"))
        for column, value in ((CaseRow.camera, camera), (CaseRow.matter, matter)):
            if value is not None:
                query = query.where(column == value)
        if since is not None:
            query = query.where(CaseRow.last_seen >= since)
        with self.read() as session:
            return [_stored(row) for row in session.scalars(query.limit(limit))]

    def case(self, prefix: str) -> StoredCase:
        """The case whose id begins so.

        Raises:
            UserError: none does, or several do.
        """
        query = select(CaseRow).where(CaseRow.id.startswith(prefix, autoescape=True)).limit(2)
        with self.read() as session:
            rows = list(session.scalars(query))
            if len(rows) == 1:
                return _stored(rows[0])
        problem = "no such case" if not rows else "several cases begin so; give more of the id"
        raise UserError(f"{prefix}: {problem}")

    def deliveries(self, case_id: str) -> list[DeliveryRecord]:
        query = select(DeliveryRow).where(DeliveryRow.case_id == case_id).order_by(DeliveryRow.seq)
        with self.read() as session:
            return [_record(row) for row in session.scalars(query)]

    def retry(self, case_ids: Sequence[str] | None, now: datetime) -> int:
        """Make dead letters and waiting messages due now; gives how many.

        Args:
            case_ids: of these cases; None is all dead letters.
        """
        wanted = update(DeliveryRow).values(state="pending", attempts=0, next_at=now)
        if case_ids is None:
            wanted = wanted.where(DeliveryRow.state == "dead")
        else:
            wanted = wanted.where(
                DeliveryRow.case_id.in_(case_ids), DeliveryRow.state.in_(("dead", "pending"))
            )
        with self.write() as session:
            session.execute(delete(TargetRow))
            return len(session.execute(wanted.returning(DeliveryRow.seq)).all())


def _file(session: Session, case: Case, targets: Sequence[str], now: datetime) -> None:
    key = message_key(case)
    seen = select(DeliveryRow.seq).where(DeliveryRow.key == key).limit(1)
    row = session.get(CaseRow, case.id)
    if session.scalar(seen) is not None or (row and not targets and row.state == case.state):
        return
    if row is not None:
        case = _with_earlier_evidence(case, Case.model_validate_json(row.document))
    body = case.model_dump_json()
    # On an update only the last row is written again: the id, and what was seen first, stay.
    session.merge(_case_row(case, body, now, number=row.number if row else None))
    session.flush()
    for target in targets:
        if case.state != "new":
            _supersede(session, case.id, target)
        session.add(_message(case, key, target, body, now))


def message_key(case: Case) -> str:
    """The message's name for ever: derived, so that a second run over the same input repeats it."""
    if case.state == "updated":
        return f"{case.id}.updated.{case.time.last_seen.astimezone(UTC):%Y%m%dT%H%M%S}"
    return f"{case.id}.{case.state}"


def _with_earlier_evidence(case: Case, earlier: Case) -> Case:
    known = {item.id for item in case.evidence}
    kept = [item for item in earlier.evidence if item.id not in known]
    return case.model_copy(update={"evidence": [*kept, *case.evidence]})


def _case_row(case: Case, body: str, now: datetime, number: str | None) -> CaseRow:
    seen = case.detections[0]
    x, y, width, height = seen.bbox
    return CaseRow(
        id=case.id,
        number=number,
        state=case.state,
        matter=case.matter.matter,
        camera=case.source.channel_id,
        zone=seen.roi.id,
        x1=x,
        y1=y,
        x2=x + width,
        y2=y + height,
        first_seen=case.time.first_seen,
        last_seen=case.time.last_seen,
        filed_at=now,
        document=body,
    )


def _supersede(session: Session, case_id: str, target: str) -> None:
    """An update that nobody has begun to deliver is pointless once a later message exists."""
    session.execute(
        update(DeliveryRow)
        .where(
            DeliveryRow.case_id == case_id,
            DeliveryRow.target == target,
            DeliveryRow.event == "updated",
            DeliveryRow.state == "pending",
            DeliveryRow.attempts == 0,
            DeliveryRow.lease_token.is_(None),
        )
        .values(state="superseded")
    )


def _message(case: Case, key: str, target: str, body: str, now: datetime) -> DeliveryRow:
    return DeliveryRow(
        key=key,
        target=target,
        case_id=case.id,
        event=case.state,
        body=body,
        state="pending",
        attempts=0,
        filed_at=now,
        next_at=now,
    )


def _stored(row: CaseRow) -> StoredCase:
    return StoredCase(Case.model_validate_json(row.document), row.number, row.filed_at)


def _record(row: DeliveryRow) -> DeliveryRecord:
    return DeliveryRecord(
        key=row.key,
        target=row.target,
        event=row.event,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        delivered_at=row.delivered_at,
        last_error=row.last_error,
    )
