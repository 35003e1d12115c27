"""Filing cases and messages: what is news, what may leave, what waits for a review."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session, aliased

from cv.cases.adopting import NOWHERE, adopting
from cv.cases.case import Case
from cv.cases.continued import continued
from cv.cases.due import is_free
from cv.cases.parts import ReviewPart
from cv.cases.recoding import with_review
from cv.cases.reported import adopted, joinable, joined, under
from cv.cases.review import review_digest
from cv.cases.tables import CaseRow, DeliveryRow
from cv.site import PhotoSettings, Site

__all__ = ["Consequence", "apply_review", "file_case", "file_report", "supersede"]

_BY_REVIEW = {"confirmed": "pending", "rejected": "withdrawn"}
_UNSENT = ("pending", "held", "withdrawn")
_later = aliased(DeliveryRow)
_HAS_LATER = exists().where(
    _later.case_id == DeliveryRow.case_id,
    _later.target == DeliveryRow.target,
    _later.seq > DeliveryRow.seq,
)


def file_case(
    session: Session,
    case: Case,
    targets: Sequence[str],
    now: datetime,
    *,
    hold: bool,
    within: PhotoSettings,
    beside: Collection[str] = (),
) -> None:
    """File what a camera has to tell of a case, with its messages, unless it is no news.

    The transaction of a new one takes turns with others that file new ones, and with what citizens
    report.

    Args:
        hold: messages of a proposed case wait until it has been reviewed.
        within: how near a citizen's case is about the same thing.
        beside: ids of what the same watch saw beside it: none of them is the same thing.
    """
    row = session.get(CaseRow, case.id, with_for_update=True)
    if row is None and (other := adopting(session, case, within, beside)):
        case = under(case, other)
        row = session.get(CaseRow, other, with_for_update=True)
    if row is not None:
        known = Case.model_validate_json(row.document)
        if not known.is_watched:
            case = adopted(case, known)
        elif _is_old_news(case, row, now):
            return
        else:
            case = continued(case, known)
    _write(session, case, row, targets, now, hold=hold)


def file_report(session: Session, case: Case, site: Site, now: datetime) -> str:
    """File a citizen's case, or join it to the open one about the same thing; gives that one's id.

    What only citizens saw waits for a person, unless the site says otherwise.
    """
    if session.get(CaseRow, case.id) is not None:
        return case.id
    row = _joined_row(session, case, site)
    if row is not None:
        news = joined(Case.model_validate_json(row.document), case)
        if news is None:
            return row.id
        case = news
    reporting = site.reporting
    told = () if case.matter.matter in reporting.never else reporting.targets
    unseen = not case.is_watched and not site.photos.post_unreviewed
    _write(session, case, row, told, now, hold=reporting.review_first or unseen)
    return case.id


def _joined_row(session: Session, case: Case, site: Site) -> CaseRow | None:
    """The open case that a report joins, as it is now that nobody else can change it."""
    while known := joinable(session, case, site):
        row = session.get(CaseRow, known.id, with_for_update=True)
        # Its camera, or a desk, may have ended it before it was locked.
        if row and row.is_open and row.review != "rejected":
            return row
    return None


def _write(
    session: Session,
    case: Case,
    row: CaseRow | None,
    targets: Sequence[str],
    now: datetime,
    *,
    hold: bool,
) -> None:
    document = case.model_dump_json()
    filed = _case_row(case, document)
    if row is None:
        # Most cases. Nothing was ever told of this one, so there is nothing to bring into line.
        filed.filed_at, state = now, _unsent_state(case.review, hold=hold)
        session.add(filed)
        session.flush()
        session.add_all(_message(case, document, target, state, now) for target in targets)
        session.flush()
        return
    filed.filed_at, filed.number = row.filed_at, row.number
    session.merge(filed)
    session.add_all(_message(case, document, target, "pending", now) for target in targets)
    session.flush()
    for target in targets:
        _settle(session, case, target, now, hold=hold)
    # Last: only now is it certain that no deliverer is about to write what became of a message.
    supersede(session, now, DeliveryRow.case_id == case.id)


def _is_old_news(case: Case, row: CaseRow, now: datetime) -> bool:
    """Whether the stored case knows this change, or is past it.

    A run with other settings may tell of a stored case again, at slightly other moments: only
    what comes after all that was filed is news, and nothing comes after `cleared`. What was last
    seen in the future was filed while the clock was ahead: what comes after that lies before it.
    """
    if row.state == "cleared" or case.state == "new":
        return True
    seen = case.time.last_seen
    return case.state == "updated" and (seen == row.last_seen or seen < row.last_seen <= now)


def _case_row(case: Case, document: str) -> CaseRow:
    box = case.box or NOWHERE
    roi = case.detections[0].roi if case.detections else None
    return CaseRow(
        id=case.id,
        state=case.state,
        matter=case.matter.matter,
        camera=case.source.channel_id,
        zone=roi.id if roi else "",
        x1=box.x1,
        y1=box.y1,
        x2=box.x2,
        y2=box.y2,
        first_seen=case.time.first_seen,
        last_seen=case.time.last_seen,
        closed_at=case.closure.at if case.closure else None,
        document=document,
        lon=case.place.lon,
        lat=case.place.lat,
        code5=case.matter.code5,
        review=case.review.state,
    )


def _message(
    case: Case, document: str, target: str, state: str, now: datetime, *, key: str | None = None
) -> DeliveryRow:
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


def _unsent_state(review: ReviewPart, *, hold: bool) -> str:
    """How a message stands of whose case nothing has left yet.

    Args:
        hold: a proposed case waits until it has been reviewed.
    """
    return _BY_REVIEW.get(review.state, "held" if hold else "pending")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a review did to the messages of its case.

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
    query = select(DeliveryRow.target).where(DeliveryRow.case_id == case.id).distinct()
    settled = {
        target: _settle(session, case, target, now, hold=False)
        for target in session.scalars(query).all()
    }
    having = [target for target, moved in settled.items() if moved is None and target in told]
    if having:
        news = case.model_copy(update={"state": "updated"})
        document, key = news.model_dump_json(), f"{news.key}.{review_digest(case.review)}"
        session.add_all(_message(news, document, t, "pending", now, key=key) for t in having)
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


def _settle(session: Session, case: Case, target: str, now: datetime, *, hold: bool) -> int | None:
    """Bring what has not left into line with the review; gives how many messages moved.

    Does nothing and gives None if anything may have left.
    """
    mine = (DeliveryRow.case_id == case.id, DeliveryRow.target == target)
    unsent = select(DeliveryRow).where(*mine, DeliveryRow.state.in_(_UNSENT)).with_for_update()
    # Locked before it is asked whether one has left: from here on none can.
    rows = session.scalars(unsent.execution_options(populate_existing=True)).all()
    if session.scalar(select(exists().where(*mine, DeliveryRow.tried_at.is_not(None)))):
        return None
    state = _unsent_state(case.review, hold=hold)
    moved = [row for row in rows if row.state != state]
    for row in moved:
        row.state, row.next_at = state, now
    for row in rows:
        message = Case.model_validate_json(row.body)
        if message.review != case.review:
            row.body = with_review(message, case).model_dump_json()
    session.flush()
    return len(moved)
