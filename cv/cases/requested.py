"""What Open311 clients may be told: requests that were posted, and cases that were confirmed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.tables import CaseRow, RequestRow

__all__ = ["MOST_REQUESTS", "Requested", "Wanted", "requests_of", "requests_wanted"]

MOST_REQUESTS = 1000
_CLOSED = or_(
    CaseRow.state == "cleared", CaseRow.review == "rejected", CaseRow.closed_at.is_not(None)
)
_STANDING: Mapping[str, ColumnElement[bool]] = {"open": ~_CLOSED, "closed": _CLOSED}


@dataclass(frozen=True, slots=True)
class Requested:
    """A service request and the case that answers it.

    Attributes:
        id: the request's, or the case's where no client posted it.
        requested: when it came, aware.
        description, address: the client's words, if one posted it.
        number: what the receiver calls the case.
    """

    id: str
    requested: datetime
    case: Case
    number: str | None
    code5: str
    lon: float | None
    lat: float | None
    address: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Requests of a stretch of time, aware; None is any."""

    begin: datetime
    end: datetime
    codes: Collection[str] | None = None
    statuses: Collection[str] | None = None


def requests_of(session: Session, ids: Collection[str]) -> list[Requested]:
    """Those of these ids that there are, the latest first."""
    return _found(session, RequestRow.id.in_(ids), CaseRow.id.in_(ids))


def requests_wanted(session: Session, wanted: Wanted) -> list[Requested]:
    """The latest first, at most `MOST_REQUESTS`."""
    posted: list[ColumnElement[bool]] = [RequestRow.received_at.between(wanted.begin, wanted.end)]
    cases: list[ColumnElement[bool]] = [CaseRow.filed_at.between(wanted.begin, wanted.end)]
    if wanted.codes is not None:
        posted.append(RequestRow.code5.in_(wanted.codes))
        cases.append(CaseRow.code5.in_(wanted.codes))
    if wanted.statuses is not None:
        standing = or_(*(_STANDING[status] for status in wanted.statuses))
        posted.append(standing)
        cases.append(standing)
    return _found(session, and_(*posted), and_(*cases))


def _found(
    session: Session, posted: ColumnElement[bool], cases: ColumnElement[bool]
) -> list[Requested]:
    of_clients = (
        select(RequestRow, CaseRow)
        .join(CaseRow, CaseRow.id == RequestRow.case_id)
        .where(posted)
        .order_by(RequestRow.received_at.desc(), RequestRow.id)
        .limit(MOST_REQUESTS)
    )
    confirmed = (
        select(CaseRow)
        .where(cases, CaseRow.review == "confirmed", ~_was_posted())
        .order_by(CaseRow.filed_at.desc(), CaseRow.id)
        .limit(MOST_REQUESTS)
    )
    found = [_of_client(request, row) for request, row in session.execute(of_clients)]
    found += [_of_case(row) for row in session.scalars(confirmed)]
    found.sort(key=lambda r: r.requested, reverse=True)
    return found[:MOST_REQUESTS]


def _was_posted() -> ColumnElement[bool]:
    """Whether a request opened the case, and so has its id."""
    return exists().where(RequestRow.id == CaseRow.id)


def _of_client(request: RequestRow, row: CaseRow) -> Requested:
    return Requested(
        id=request.id,
        requested=request.received_at,
        case=Case.model_validate_json(row.document),
        number=row.number,
        code5=request.code5,
        lon=request.lon,
        lat=request.lat,
        address=request.address,
        description=request.description,
    )


def _of_case(row: CaseRow) -> Requested:
    case = Case.model_validate_json(row.document)
    return Requested(
        id=row.id,
        requested=row.filed_at,
        case=case,
        number=row.number,
        code5=case.matter.code5,
        lon=case.place.lon,
        lat=case.place.lat,
        address=case.place.address,
        description=None,
    )
