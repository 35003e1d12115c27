"""Service requests: what Open311 clients post becomes cases."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cv.cases.database import Database
from cv.cases.engine import take_turns
from cv.cases.filing import file_report
from cv.cases.parts import ReportPart
from cv.cases.reported import GivenPoint, case_from_report
from cv.cases.requested import Requested, Wanted, requests_of, requests_wanted
from cv.cases.tables import RequestRow
from cv.cases.transaction_retry import retried
from cv.codes import Code
from cv.errors import KerbwatchError
from cv.labels import Matter
from cv.site import Site

__all__ = ["NewRequest", "OtherRequestError", "Posted", "Requests"]

SAME_WITHIN = timedelta(minutes=10)
"""Who posts the same again this soon has not heard the answer."""

_TURNS = 0x6B657271


class OtherRequestError(KerbwatchError):
    """The idempotency key was used before, for something else or somewhere else."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What a client posts.

    Attributes:
        client: whose key it is; empty where nobody needs one.
        key: the client's idempotency key.
        point: None: `address` says where.
        contact: what the citizen says of themselves.
    """

    client: str
    matter: Matter
    code: Code
    point: GivenPoint | None = None
    address: str | None = None
    description: str | None = None
    media_url: str | None = None
    contact: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    @property
    def content(self) -> str:
        """A digest of what makes it the same request.

        With a key that is its matter and place: descriptions hold links that are new each time.
        Not of who posted it, which is to be gone when it is deleted: a number is soon guessed.
        """
        where = (self.point.lon, self.point.lat) if self.point else None
        parts: list[object] = [self.client, self.code.code5, where, self.address]
        if self.key is None:
            parts += [self.description, self.media_url]
        return _digest(parts)

    @property
    def told_contact(self) -> str | None:
        """The contact as it is stored."""
        contact = dict(sorted(self.contact.items()))
        return json.dumps(contact, ensure_ascii=False) if contact else None


@dataclass(frozen=True, slots=True)
class Posted:
    """What of a request is for the desk only.

    Attributes:
        received: aware.
        media_url: as the client gave it; nobody has looked at what is there.
        contact: what the citizen said of themselves.
    """

    id: str
    received: datetime
    media_url: str | None
    contact: Mapping[str, str]


class Requests:
    """The requests in a case store's database; usable from several threads.

    Told are what clients posted, and cases that were confirmed: what a camera or a photo proposes
    is nobody's request before a person has said so.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def post(self, new: NewRequest, site: Site, now: datetime) -> str:
        """File a request's case, or join it to the open one about the same thing.

        Returns:
            The request's id: that of an earlier one, if it is the same.

        Raises:
            OtherRequestError: its key stands for another request.
            StoreError: the database refused it, or is away.
        """
        with self._database.write() as session:
            take_turns(session.connection(), _TURNS)
            known = _known(session, new, now)
            if known is not None:
                return known
            request_id = _id(new)
            case = case_from_report(
                ReportPart(
                    id=request_id,
                    captured=now,
                    address=new.address,
                    description=new.description,
                ),
                site=site,
                matter=new.matter,
                code=new.code,
                channel="_open311",
                point=new.point,
                reported=now,
            )
            case_id = file_report(session, case, site, now)
            session.add(_row(new, request_id, case_id, now))
            return request_id

    @retried
    def of_cases(self, case_ids: Collection[str]) -> dict[str, list[Posted]]:
        """What clients posted about cases, by case, the earliest first."""
        query = (
            select(RequestRow)
            .where(RequestRow.case_id.in_(case_ids))
            .order_by(RequestRow.received_at, RequestRow.id)
        )
        found: dict[str, list[Posted]] = {}
        with self._database.read() as session:
            for row in session.scalars(query):
                contact = json.loads(row.contact) if row.contact else {}
                posted = Posted(row.id, row.received_at, row.media_url, contact)
                found.setdefault(row.case_id, []).append(posted)
        return found

    @retried
    def find(self, ids: Collection[str]) -> list[Requested]:
        """Those of these ids that there are, the latest first."""
        with self._database.read() as session:
            return requests_of(session, ids)

    @retried
    def wanted(self, wanted: Wanted) -> list[Requested]:
        """The latest first, at most `MOST_REQUESTS`."""
        with self._database.read() as session:
            return requests_wanted(session, wanted)


def _known(session: Session, new: NewRequest, now: datetime) -> str | None:
    """The id of the same request, if it came before."""
    if new.key is not None:
        row = session.get(RequestRow, _id(new))
        # Empty where its words were deleted: then nobody knows any more what else it said.
        if row is not None and row.content not in ("", new.content):
            raise OtherRequestError("this Idempotency-Key was used for another request")
        return row.id if row else None
    query = select(RequestRow.id).where(
        RequestRow.content == new.content,
        RequestRow.contact.is_not_distinct_from(new.told_contact),
        RequestRow.received_at >= now - SAME_WITHIN,
    )
    known: str | None = session.scalar(query.limit(1))
    return known


def _id(new: NewRequest) -> str:
    """`sr-` and 20 hexadecimal digits; of a key, always the same."""
    if new.key is None:
        return f"sr-{secrets.token_hex(10)}"
    return "sr-" + _digest([new.client, f"key {new.key}"])[:20]


def _row(new: NewRequest, request_id: str, case_id: str, now: datetime) -> RequestRow:
    return RequestRow(
        id=request_id,
        case_id=case_id,
        client=new.client,
        content=new.content,
        code5=new.code.code5,
        received_at=now,
        lon=new.point.lon if new.point else None,
        lat=new.point.lat if new.point else None,
        address=new.address,
        description=new.description,
        media_url=new.media_url,
        contact=new.told_contact,
    )


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
