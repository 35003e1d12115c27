"""Filing cases with their messages: what is news, and of which case."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from cv.cases.adopting import NOWHERE, adopting
from cv.cases.case import Case
from cv.cases.continued import continued
from cv.cases.messages import message, settle, supersede, unsent_state
from cv.cases.reported import adopted, joinable, joined, under
from cv.cases.tables import CaseRow, DeliveryRow
from cv.site import PhotoSettings, Site

__all__ = ["file_case", "file_report"]


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
        filed.filed_at, state = now, unsent_state(case, hold=hold)
        session.add(filed)
        session.flush()
        session.add_all(message(case, document, target, state, now) for target in targets)
        session.flush()
        return
    filed.filed_at, filed.number = row.filed_at, row.number
    session.merge(filed)
    session.add_all(message(case, document, target, "pending", now) for target in targets)
    session.flush()
    state = unsent_state(case, hold=hold)
    for target in targets:
        settle(session, case, target, now, lambda _: state)
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
