"""The outbox: every message reaches its target, in order per case, however long it takes.

At least once: a message that the target took just before this process died is sent again, with the
same key, and the target drops it. A lease keeps two deliverers from sending at the same time; its
token keeps a slow one from overwriting what a later one found.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Self

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from cv.cases.case import Case
from cv.cases.store import CaseStore
from cv.cases.tables import CaseRow, DeliveryRow, TargetRow
from cv.cases.targets import Message, Receipt, Target
from cv.errors import DeliveryError, KerbwatchError

__all__ = ["RETRY_DELAYS_S", "DeliveryReport", "Outbox"]

_MINUTE, _HOUR = 60, 3600
RETRY_DELAYS_S = (
    0, 5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR,
    10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""Wait before the first, second, ... attempt (Standard Webhooks); then it is a dead letter."""

_JITTER = 0.1
_LEASE = timedelta(seconds=120)
_BATCH = 16
_POLL_S = 1.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one round did, and what is left; `next_at` is when the next message is due."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    pending: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    seq: int
    key: str
    target: str
    case_id: str
    event: str
    body: str
    attempts: int
    token: str


class Outbox:
    """Delivers what the store's outbox holds; a context manager that closes its targets.

    Args:
        clock: aware UTC.
        rng: for jitter.
    """

    def __init__(
        self,
        store: CaseStore,
        targets: Sequence[Target],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: Random | None = None,
    ) -> None:
        self._store = store
        self._targets = {target.name: target for target in targets}
        self._clock = clock
        self._rng = rng or Random()  # noqa: S311 - spreads load, guards nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for target in self._targets.values():
            target.close()

    def run(self, stop: threading.Event) -> None:
        """Deliver whatever becomes due, until stopped."""
        while not stop.is_set():
            try:
                self.deliver_due(stop)
            except KerbwatchError as error:
                logger.error("delivery paused: %s", error)
            stop.wait(_POLL_S)

    def deliver_due(self, stop: threading.Event | None = None) -> DeliveryReport:
        """Deliver all that is due now; a message that fails waits for its next turn."""
        delivered = failed = dead = 0
        while not (stop and stop.is_set()) and (claims := self._claim()):
            for claim in claims:
                outcome = self._deliver(claim)
                delivered += outcome == "delivered"
                failed += outcome == "pending"
                dead += outcome == "dead"
        pending, next_at = self._left()
        return DeliveryReport(delivered, failed, dead, pending, next_at)

    def _claim(self) -> list[_Claim]:
        """Lease a few due messages, of each case and target the oldest undelivered one only."""
        now = self._clock()
        earlier = aliased(DeliveryRow)
        blocked = exists().where(
            earlier.case_id == DeliveryRow.case_id,
            earlier.target == DeliveryRow.target,
            earlier.seq < DeliveryRow.seq,
            earlier.state.in_(("pending", "dead")),
        )
        off = exists().where(TargetRow.target == DeliveryRow.target)
        due = (
            select(DeliveryRow)
            .where(
                DeliveryRow.state == "pending",
                DeliveryRow.next_at <= now,
                or_(DeliveryRow.lease_until.is_(None), DeliveryRow.lease_until <= now),
                DeliveryRow.target.in_(self._targets),
                ~blocked,
                ~off,
            )
            .order_by(DeliveryRow.next_at, DeliveryRow.seq)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        )
        token = secrets.token_hex(8)
        with self._store.write() as session:
            rows = list(session.scalars(due))
            for row in rows:
                row.lease_until = now + _LEASE * len(rows)
                row.lease_token = token
            return [
                _Claim(
                    row.seq, row.key, row.target, row.case_id, row.event, row.body,
                    row.attempts, token,
                )
                for row in rows
            ]  # fmt: skip

    def _deliver(self, claim: _Claim) -> str:
        case = Case.model_validate_json(claim.body)
        message = Message(key=claim.key, event=claim.event, case=case)
        try:
            receipt = self._targets[claim.target].deliver(message)
        except DeliveryError as error:
            return self._failed(claim, error)
        self._delivered(claim, receipt)
        return "delivered"

    def _delivered(self, claim: _Claim, receipt: Receipt) -> None:
        with self._store.write() as session:
            ours = self._settle(
                session,
                claim,
                state="delivered",
                delivered_at=self._clock(),
                attempts=claim.attempts + 1,
                last_error=None,
            )
            if ours and receipt.number:
                session.execute(
                    update(CaseRow).where(CaseRow.id == claim.case_id).values(number=receipt.number)
                )

    def _failed(self, claim: _Claim, error: DeliveryError) -> str:
        attempts = claim.attempts + 1
        now = self._clock()
        state = "dead" if error.gone or attempts >= len(RETRY_DELAYS_S) else "pending"
        wait_s = 0.0
        if state == "pending":
            wait_s = RETRY_DELAYS_S[attempts] * (1 + _JITTER * self._rng.random())
            wait_s = max(wait_s, error.retry_after_s or 0.0)
        with self._store.write() as session:
            self._settle(
                session,
                claim,
                state=state,
                attempts=attempts,
                next_at=now + timedelta(seconds=wait_s),
                last_error=str(error),
            )
            if error.gone:
                session.merge(TargetRow(target=claim.target, reason=str(error), since=now))
        if error.gone:
            logger.error("%s wants no more messages (%s); see cases retry", claim.target, error)
        elif state == "dead":
            logger.error("%s: given up after %d attempts: %s", claim.key, attempts, error)
        else:
            logger.warning("%s: %s; next try in %.0f s", claim.key, error, wait_s)
        return state

    def _settle(self, session: Session, claim: _Claim, **values: object) -> bool:
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

    def _left(self) -> tuple[int, datetime | None]:
        query = select(func.count(), func.min(DeliveryRow.next_at)).where(
            DeliveryRow.state == "pending"
        )
        with self._store.read() as session:
            pending, next_at = session.execute(query).one()
            return pending, next_at
