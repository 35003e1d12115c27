"""Citizens' photos in the case store: one row a report, one a picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, literal_column, or_, select
from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.filing import file_report
from cv.cases.nearby import NearCase, Sighting, open_near
from cv.cases.parts import ReviewPart
from cv.cases.tables import CaseRow, DeliveryRow, PhotoImageRow, PhotoRow, phash_piece
from cv.cases.transaction_retry import retried
from cv.likeness import PIECES
from cv.photos.case import case_of
from cv.photos.record import PhotoRecord
from cv.site import PhotoSettings, Site

__all__ = ["CaseStanding", "PhotoStore", "StoredPhoto"]

_MOST_NEAR = 2000
_MOST_ALIKE = 2000


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """How the case that a report opened or joined stands.

    Attributes:
        joined: it was there before.
        state, review: of the case document.
        number: what the city's system calls it.
        posted: the city's system has it.
        closed: the city, or a person here, is done with it.
    """

    id: str
    joined: bool
    state: str
    review: ReviewPart
    number: str | None
    posted: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A report.

    Attributes:
        content: the digest of what was sent, pictures and fields.
        case: if it has one.
        sender: the id of the key that it came with; None if it came without, or nobody knows.
    """

    record: PhotoRecord
    content: str
    case: CaseStanding | None = None
    sender: str | None = None


class PhotoStore:
    """Usable from several threads; the database stays its opener's to close."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def get(self, photo_id: str) -> StoredPhoto | None:
        with self._database.read() as session:
            row = session.get(PhotoRow, photo_id)
            return _stored(session, row) if row else None

    @retried
    def add(
        self, record: PhotoRecord, content: str, site: Site, sender: str | None = None
    ) -> StoredPhoto:
        """Store a report and file its case, if it asks for one, in one transaction.

        Args:
            sender: the id of the key that it came with, if it did.

        Returns:
            What is stored under its id, which may have come first.

        Raises:
            StoreError: the database refused it, or is away.
        """
        case = case_of(record, site)
        with self._database.write() as session:
            earlier = session.get(PhotoRow, record.id)
            if earlier:
                return _stored(session, earlier)
            row = _row(record, content, sender)
            session.add(row)
            session.flush()
            session.add_all(
                PhotoImageRow(photo_id=record.id, number=i, sha256=image.sha256, phash=image.phash)
                for i, image in enumerate(record.images)
            )
            if case is not None:
                row.case_id = file_report(session, case, site, record.received_at)
                session.flush()
            return _stored(session, row)

    @retried
    def near(
        self, box: tuple[float, float, float, float], since: datetime, until: datetime
    ) -> list[PhotoRecord]:
        """Reports taken in a stretch of time within west, south, east, north in degrees."""
        west, south, east, north = box
        query = (
            select(PhotoRow)
            .where(
                PhotoRow.taken_at.between(since, until),
                PhotoRow.lon.between(west, east),
                PhotoRow.lat.between(south, north),
            )
            .order_by(PhotoRow.taken_at.desc())
            .limit(_MOST_NEAR)
        )
        with self._database.read() as session:
            return [PhotoRecord.model_validate_json(r.document) for r in session.scalars(query)]

    @retried
    def alike(self, phashes: Collection[str], since: datetime) -> list[tuple[str, int]]:
        """Photo id and hash of the pictures, received since then, that may look like one of these.

        All that do are among them; most of them do not.

        Args:
            phashes: 64 bits each, in hexadecimal.
        """
        pieces = (
            literal_column(phash_piece(first, length)).in_(
                {phash[first - 1 : first - 1 + length] for phash in phashes}
            )
            for first, length in PIECES
        )
        query = (
            select(PhotoImageRow.photo_id, PhotoImageRow.phash)
            .join(PhotoRow, PhotoRow.id == PhotoImageRow.photo_id)
            .where(or_(*pieces), PhotoRow.received_at >= since)
            .order_by(PhotoRow.received_at.desc())
            .limit(_MOST_ALIKE)
        )
        with self._database.read() as session:
            return [(photo_id, int(phash, 16)) for photo_id, phash in session.execute(query)]

    @retried
    def open_cases(
        self, here: Sighting, matters: frozenset[str], within: PhotoSettings
    ) -> list[NearCase]:
        """Cases that a report of these matters could join, near in place and time."""
        with self._database.read() as session:
            return open_near(session, here, matters, within)


def _row(record: PhotoRecord, content: str, sender: str | None) -> PhotoRow:
    location = record.location
    return PhotoRow(
        id=record.id,
        content=content,
        received_at=record.received_at,
        taken_at=record.captured_at or record.received_at,
        lon=location.lon if location else None,
        lat=location.lat if location else None,
        report=record.report,
        document=record.model_dump_json(),
        case_id=None,
        sender=sender,
    )


def _stored(session: Session, row: PhotoRow) -> StoredPhoto:
    record = PhotoRecord.model_validate_json(row.document)
    case = session.get(CaseRow, row.case_id) if row.case_id else None
    standing = _standing(session, case, row.id) if case else None
    return StoredPhoto(record, row.content, standing, row.sender)


def _standing(session: Session, row: CaseRow, photo_id: str) -> CaseStanding:
    delivered = exists().where(DeliveryRow.case_id == row.id, DeliveryRow.state == "delivered")
    return CaseStanding(
        id=row.id,
        joined=row.id != photo_id,
        state=row.state,
        review=Case.model_validate_json(row.document).review,
        number=row.number,
        posted=bool(session.scalar(select(delivered))),
        closed=row.closed_at is not None,
    )
