"""The outbox's rows: messages filed, leased, delivered, waiting, given up.

A message is leased to one deliverer at a time. The lease's token fences off a deliverer that was
presumed dead: it can no longer write what became of the message.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, exists, func, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from cv.cases.database import Database
from cv.cases.due import claimable_at, is_free, is_its_turn
from cv.cases.messages import supersede
from cv.cases.tables import CaseRow, DeliveryRow, TargetRow
from cv.cases.transaction_retry import retried, retried_if_undone

__all__ = ["Claim", "Deliveries", "DeliveryRecord", "LaneStanding"]


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """How the delivery of one message to one target stands.

    Attributes:
        state: pending, delivered, dead (given up until `cases retry`), superseded (a later message
            of the case says more), held (a person must review the case first) or withdrawn (the
            case was rejected, or closed unreviewed, before anything of it had left).
        attempts: begun since it was filed or retried.
        next_at: when it is due, if pending.
        number: what the target called the case, if it took this message and said.
    """

    key: str
    target: str
    event: str
    state: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    last_error: str | None
    number: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message leased to this deliverer; `attempt` counts from 1.

    Attributes:
        number: what the target called the case at an earlier message, if it did.
    """

    seq: int
    key: str
    target: str
    case_id: str
    event: str
    body: str
    attempt: int
    token: str
    number: str | None


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """What has not reached one target.

    Attributes:
        pending: messages that are due now or later.
        held: that wait until a person has reviewed their case.
        dead: given up until `cases retry`.
        oldest_at: when the oldest pending or dead one was filed.
    """

    target: str
    pending: int
    held: int
    dead: int
    oldest_at: datetime | None


class Deliveries:
    """Reads and writes the outbox's rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried_if_undone
    def claim(self, target: str, now: datetime, lease_s: float) -> Claim | None:
        """Lease the message that is due longest: of each case, the oldest undelivered one only."""
        due = (
            select(DeliveryRow)
            .where(
                DeliveryRow.target == target,
                DeliveryRow.state == "pending",
                is_its_turn(now),
                is_free(now),
                ~_has_earlier(),
                ~_is_off(),
            )
            .order_by(DeliveryRow.next_at, DeliveryRow.seq)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as session:
            row = session.scalar(due)
            # An update whose deliverer died may have been overtaken meanwhile.
            while row and row.event == "updated":
                if not supersede(session, now, DeliveryRow.seq == row.seq):
                    break
                row = session.scalar(due)
            if row is None:
                return None
            row.lease_until = now + timedelta(seconds=lease_s)
            row.lease_token = secrets.token_hex(8)
            row.attempts += 1
            row.tried_at = row.tried_at or now
            return Claim(
                row.seq,
                row.key,
                row.target,
                row.case_id,
                row.event,
                row.body,
                row.attempts,
                row.lease_token,
                _number(session, row),
            )

    @retried
    def delivered(self, claim: Claim, now: datetime, number: str | None) -> bool:
        """Write that the target took it; False if the lease went to another deliverer meanwhile.

        Args:
            number: what the target calls the case.
        """
        with self._database.write() as session:
            ours = _settle(
                session, claim, state="delivered", delivered_at=now, last_error=None, number=number
            )
            if ours and number:
                # That of the target that said one first, or it would change with each message.
                first = or_(CaseRow.number.is_(None), CaseRow.number == claim.number)
                session.execute(
                    update(CaseRow).where(CaseRow.id == claim.case_id, first).values(number=number)
                )
            return ours

    @retried
    def failed(self, claim: Claim, now: datetime, error: str, next_at: datetime | None) -> bool:
        """Write that it failed; False if the lease went to another deliverer meanwhile.

        Args:
            next_at: when to try again; None gives it up.
        """
        state = "pending" if next_at else "dead"
        with self._database.write() as session:
            ours = _settle(session, claim, state=state, next_at=next_at or now, last_error=error)
            supersede(session, now, DeliveryRow.case_id == claim.case_id)
            return ours

    @retried
    def turn_off(self, target: str, now: datetime, reason: str) -> None:
        """Send a target nothing more, until a retry is asked for."""
        with self._database.write() as session:
            session.merge(TargetRow(target=target, reason=reason, since=now))

    @retried
    def turned_off(self) -> dict[str, str]:
        """Targets that are off, each with the reason."""
        with self._database.read() as session:
            return {row.target: row.reason for row in session.scalars(select(TargetRow))}

    @retried
    def next_due(self, target: str, now: datetime) -> datetime | None:
        """When the next message can be claimed; `now` if one can be."""
        query = select(func.min(claimable_at(now))).where(
            DeliveryRow.target == target,
            DeliveryRow.state == "pending",
            ~_has_earlier(),
            ~_is_off(),
        )
        with self._database.read() as session:
            moment: datetime | None = session.scalar(query)
        return moment

    @retried
    def count(self, state: str, targets: Sequence[str]) -> int:
        """How many messages for these targets are in a state."""
        query = select(func.count()).where(
            DeliveryRow.target.in_(targets), DeliveryRow.state == state
        )
        with self._database.read() as session:
            return session.scalar(query) or 0

    @retried
    def lanes(self) -> list[LaneStanding]:
        """What has not reached its target, of every target that was ever written to."""
        query = select(
            DeliveryRow.target,
            _in_state("pending"),
            _in_state("held"),
            _in_state("dead"),
            func.min(case((DeliveryRow.state.in_(("pending", "dead")), DeliveryRow.filed_at))),
        ).group_by(DeliveryRow.target)
        with self._database.read() as session:
            return [LaneStanding(*row) for row in session.execute(query)]

    @retried
    def records(self, case_ids: Sequence[str]) -> dict[str, tuple[DeliveryRecord, ...]]:
        """The deliveries of cases, by case, in the order they were filed."""
        query = (
            select(DeliveryRow).where(DeliveryRow.case_id.in_(case_ids)).order_by(DeliveryRow.seq)
        )
        found: dict[str, tuple[DeliveryRecord, ...]] = {}
        with self._database.read() as session:
            for row in session.scalars(query):
                found[row.case_id] = (*found.get(row.case_id, ()), _record(row))
        return found

    @retried_if_undone
    def retry(self, case_ids: Sequence[str] | None, now: datetime) -> int:
        """Make messages due now, and turn their targets on; gives how many.

        Leases are broken: whoever asks knows that their holder is dead, and if it is not, the
        receiver drops the second copy.

        Args:
            case_ids: dead letters and waiting messages of these cases; None is all dead letters,
                and turns every target on: what it refused may have been superseded meanwhile.
        """
        wanted = update(DeliveryRow).values(
            state="pending", attempts=0, next_at=now, lease_until=None, lease_token=None
        )
        if case_ids is None:
            wanted = wanted.where(DeliveryRow.state == "dead")
        else:
            wanted = wanted.where(
                DeliveryRow.case_id.in_(case_ids), DeliveryRow.state.in_(("dead", "pending"))
            )
        with self._database.write() as session:
            targets = list(session.scalars(wanted.returning(DeliveryRow.target)))
            of_these = TargetRow.target.in_(set(targets)) if case_ids is not None else true()
            session.execute(delete(TargetRow).where(of_these))
            return len(targets)


def _settle(session: Session, claim: Claim, **values: object) -> bool:
    """Write an outcome, if the lease is still ours."""
    done = session.execute(
        update(DeliveryRow)
        .where(
            DeliveryRow.seq == claim.seq,
            DeliveryRow.lease_token == claim.token,
            DeliveryRow.state == "pending",
        )
        .values(lease_until=None, lease_token=None, **values)
        .returning(DeliveryRow.seq)
    )
    return done.first() is not None


def _number(session: Session, row: DeliveryRow) -> str | None:
    """What the target called the case last."""
    query = (
        select(DeliveryRow.number)
        .where(
            DeliveryRow.case_id == row.case_id,
            DeliveryRow.target == row.target,
            DeliveryRow.number.is_not(None),
        )
        .order_by(DeliveryRow.seq.desc())
        .limit(1)
    )
    number: str | None = session.scalar(query)
    return number


def _has_earlier() -> ColumnElement[bool]:
    """An earlier message of the case must go first, even one that was given up: order counts."""
    earlier = aliased(DeliveryRow)
    return exists().where(
        earlier.case_id == DeliveryRow.case_id,
        earlier.target == DeliveryRow.target,
        earlier.seq < DeliveryRow.seq,
        earlier.state.in_(("pending", "dead")),
    )


def _in_state(state: str) -> ColumnElement[int]:
    return func.count(case((DeliveryRow.state == state, 1)))


def _is_off() -> ColumnElement[bool]:
    return exists().where(TargetRow.target == DeliveryRow.target)


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
        number=row.number,
    )
