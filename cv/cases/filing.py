"""Filing a case's messages: which may leave, which wait for a review, which are pointless."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from cv.cases.case import Case
from cv.cases.parts import ReviewPart
from cv.cases.tables import DeliveryRow

__all__ = ["apply_review", "enqueue", "is_free", "supersede"]

_BY_REVIEW = {"confirmed": "pending", "rejected": "withdrawn"}
_UNSENT = ("pending", "held", "withdrawn")


def enqueue(
    session: Session, case: Case, document: str, target: str, now: datetime, *, hold: bool
) -> None:
    """File a message within the transaction that files its case.

    Args:
        hold: a proposed case waits until it has been reviewed.
    """
    session.add(
        DeliveryRow(
            key=case.key,
            target=target,
            case_id=case.id,
            event=case.state,
            body=document,
            state="pending",
            attempts=0,
            filed_at=now,
            next_at=now,
        )
    )
    session.flush()
    supersede(session, now, DeliveryRow.case_id == case.id)
    _settle(session, case.id, target, case.review, now, hold=hold)


def apply_review(session: Session, case_id: str, review: ReviewPart, now: datetime) -> int:
    """Let go, or withdraw, what has not left of a case; gives how many messages.

    A target that may have a message of the case already is told by the next one, as ever.
    """
    query = select(DeliveryRow.target).where(DeliveryRow.case_id == case_id).distinct()
    return sum(
        _settle(session, case_id, target, review, now, hold=False)
        for target in session.scalars(query).all()
    )


def supersede(session: Session, now: datetime, among: ColumnElement[bool]) -> None:
    """An undelivered update is pointless once a later message exists, which says all it says.

    One that is being delivered right now is left to end.
    """
    later = aliased(DeliveryRow)
    session.execute(
        update(DeliveryRow)
        .where(
            among,
            DeliveryRow.event == "updated",
            DeliveryRow.state.in_((*_UNSENT, "dead")),
            is_free(now),
            exists().where(
                later.case_id == DeliveryRow.case_id,
                later.target == DeliveryRow.target,
                later.seq > DeliveryRow.seq,
            ),
        )
        .values(state="superseded", lease_until=None, lease_token=None)
        .execution_options(synchronize_session=False)
    )


def is_free(now: datetime) -> ColumnElement[bool]:
    """Whether no deliverer has the message right now."""
    return or_(DeliveryRow.lease_until.is_(None), DeliveryRow.lease_until <= now)


def _settle(
    session: Session, case_id: str, target: str, review: ReviewPart, now: datetime, *, hold: bool
) -> int:
    """Bring what has not left into line with the review; nothing, if anything may have left."""
    mine = (DeliveryRow.case_id == case_id, DeliveryRow.target == target)
    unsent = select(DeliveryRow).where(*mine, DeliveryRow.state.in_(_UNSENT)).with_for_update()
    # Locked before it is asked whether one has left: from here on none can.
    rows = session.scalars(unsent.execution_options(populate_existing=True)).all()
    if session.scalar(select(exists().where(*mine, DeliveryRow.tried_at.is_not(None)))):
        return 0
    state = _BY_REVIEW.get(review.state, "held" if hold else "pending")
    moved = [row for row in rows if row.state != state]
    for row in moved:
        row.state, row.next_at = state, now
    for row in rows:
        case = Case.model_validate_json(row.body)
        if case.review != review:
            row.body = case.model_copy(update={"review": review}).model_dump_json()
    session.flush()
    return len(moved)
