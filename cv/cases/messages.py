"""Messages of a case: what may leave, what waits or is withdrawn, and who is told at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session, aliased

from cv.cases.case import Case
from cv.cases.due import is_free
from cv.cases.parts import ClosurePart
from cv.cases.recoding import with_review
from cv.cases.review import review_digest
from cv.cases.tables import DeliveryRow

__all__ = [
    "Consequence",
    "apply_closure",
    "apply_review",
    "message",
    "settle",
    "supersede",
    "unsent_state",
]

_BY_REVIEW = {"confirmed": "pending", "rejected": "withdrawn"}
_UNSENT = ("pending", "held", "withdrawn")
_later = aliased(DeliveryRow)
_HAS_LATER = exists().where(
    _later.case_id == DeliveryRow.case_id,
    _later.target == DeliveryRow.target,
    _later.seq > DeliveryRow.seq,
)


def message(
    case: Case, document: str, target: str, state: str, now: datetime, *, key: str | None = None
) -> DeliveryRow:
    """A new row of the outbox: what is to be told to one target.

    Args:
        document: the case as JSON.
        state: of the message, such as `pending` or `held`.
        key: identifies the message, if not by the change of the case.
    """
    return DeliveryRow(
        key=key or case.key,
        target=target,
        case_id=case.id,
        event=case.state,
        body=document,
        state=state,
        attempts=0,
        filed_at=now,
        next_at=now,
    )


def unsent_state(case: Case, *, hold: bool) -> str:
    """How a message stands of whose case nothing has left yet.

    Args:
        hold: a proposed case waits until it has been reviewed, unless somebody is done with it.
    """
    waiting = "withdrawn" if case.closure else "held"
    return _BY_REVIEW.get(case.review.state, waiting if hold else "pending")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a review, or an end, did to the messages of its case.

    Attributes:
        moved: let go, or withdrawn.
        told: new ones, which tell a target that has the case already.
    """

    moved: int = 0
    told: int = 0


def apply_review(
    session: Session, case: Case, now: datetime, told: Collection[str] = ()
) -> Consequence:
    """Let go, or withdraw, what has not left of a case.

    Args:
        told: targets that are told of the review at once if they may have a message of the case
            already; others learn it from the next one.
    """
    state = unsent_state(case, hold=False)
    digest = review_digest(case.review)
    return _apply(session, case, now, told, digest=digest, become=lambda _: state)


def apply_closure(
    session: Session, case: Case, closure: ClosurePart, now: datetime, told: Collection[str] = ()
) -> Consequence:
    """Withdraw what waits for a review of a case that somebody is done with, if nothing has left.

    Args:
        case: as it is now: with this closure, or open again.
        told: targets that are told at once if they may have a message of the case already.
    """
    # A desk may end it twice on one day, and say only the day.
    what = f"{'closed' if case.closure else 'open'} {now.isoformat()} {closure.model_dump_json()}"
    digest = hashlib.sha256(what.encode()).hexdigest()[:16]
    withdrawn = {"held": "withdrawn"} if case.closure else {}
    return _apply(
        session, case, now, told, digest=digest, become=lambda state: withdrawn.get(state, state)
    )


def _apply(
    session: Session,
    case: Case,
    now: datetime,
    told: Collection[str],
    *,
    digest: str,
    become: Callable[[str], str],
) -> Consequence:
    """Bring into line what has not left, and tell those that may have something.

    Args:
        digest: of the news, for the key of its message.
    """
    query = select(DeliveryRow.target).where(DeliveryRow.case_id == case.id).distinct()
    settled = {
        target: settle(session, case, target, now, become)
        for target in session.scalars(query).all()
    }
    having = [target for target, moved in settled.items() if moved is None and target in told]
    if having:
        news = case.model_copy(update={"state": "updated"})
        document, key = news.model_dump_json(), f"{news.key}.{digest}"
        session.add_all(message(news, document, t, "pending", now, key=key) for t in having)
        session.flush()
        supersede(session, now, DeliveryRow.case_id == case.id)
    return Consequence(sum(moved or 0 for moved in settled.values()), len(having))


def supersede(session: Session, now: datetime, among: ColumnElement[bool]) -> bool:
    """An undelivered update is pointless once a later message exists, which says all it says.

    One that is being delivered right now is left to end.

    Returns:
        Whether there was one.
    """
    done = session.execute(
        update(DeliveryRow)
        .where(
            among,
            DeliveryRow.event == "updated",
            DeliveryRow.state.in_((*_UNSENT, "dead")),
            is_free(now),
            _HAS_LATER,
        )
        .values(state="superseded", lease_until=None, lease_token=None)
        .returning(DeliveryRow.seq)
        .execution_options(synchronize_session=False)
    )
    return bool(done.all())


def settle(
    session: Session, case: Case, target: str, now: datetime, become: Callable[[str], str]
) -> int | None:
    """Bring what has not left into line with how the case stands; gives how many messages moved.

    Does nothing and gives None if anything may have left.

    Args:
        become: the state of such a message, by the state that it has.
    """
    mine = (DeliveryRow.case_id == case.id, DeliveryRow.target == target)
    unsent = select(DeliveryRow).where(*mine, DeliveryRow.state.in_(_UNSENT)).with_for_update()
    # Locked before it is asked whether one has left: from here on none can.
    rows = session.scalars(unsent.execution_options(populate_existing=True)).all()
    if session.scalar(select(exists().where(*mine, DeliveryRow.tried_at.is_not(None)))):
        return None
    moved = [row for row in rows if row.state != become(row.state)]
    for row in moved:
        row.state, row.next_at = become(row.state), now
    for row in rows:
        told = Case.model_validate_json(row.body)
        if (told.review, told.closure) != (case.review, case.closure):
            ended = told.model_copy(update={"closure": case.closure})
            row.body = with_review(ended, case).model_dump_json()
    session.flush()
    return len(moved)
