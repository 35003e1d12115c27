"""Citizens' photos in the case store: one row a report, one a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.tables import CaseRow, PhotoImageRow, PhotoRow
from cv.photos.record import PhotoRecord

__all__ = ["PhotoStore", "StoredPhoto"]

_MOST_CASES = 2000
_MOST_PHOTOS = 20_000


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A report, and the digest of what was sent: pictures and fields."""

    record: PhotoRecord
    content: str


class PhotoStore:
    """Usable from several threads; the database stays its opener's to close."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, photo_id: str) -> StoredPhoto | None:
        with self._database.read() as session:
            row = session.get(PhotoRow, photo_id)
            return _stored(row) if row else None

    def add(self, record: PhotoRecord, content: str) -> StoredPhoto:
        """Store a report; gives what is stored under its id, which may have come first.

        Raises:
            KerbwatchError: the database refused it; then nothing of it is stored.
        """
        location = record.location
        row = PhotoRow(
            id=record.id,
            content=content,
            received_at=record.received_at,
            taken_at=record.captured_at or record.received_at,
            lon=location.lon if location else None,
            lat=location.lat if location else None,
            report=record.report,
            document=record.model_dump_json(),
        )
        pictures = [
            PhotoImageRow(photo_id=record.id, number=i, sha256=image.sha256, phash=image.phash)
            for i, image in enumerate(record.images)
        ]
        try:
            with self._database.write() as session:
                session.add(row)
                session.flush()
                session.add_all(pictures)
        except IntegrityError:
            # The same report twice at the same time: the first is the answer to both.
            earlier = self.get(record.id)
            if earlier is None:
                raise
            return earlier
        return StoredPhoto(record, content)

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
            .limit(_MOST_CASES)
        )
        with self._database.read() as session:
            return [PhotoRecord.model_validate_json(r.document) for r in session.scalars(query)]

    def hashes(self, now: datetime, days: float) -> list[tuple[str, int]]:
        """Photo id and perceptual hash of the pictures received in the last days."""
        query = (
            select(PhotoImageRow.photo_id, PhotoImageRow.phash)
            .join(PhotoRow, PhotoRow.id == PhotoImageRow.photo_id)
            .where(PhotoRow.received_at >= now - timedelta(days=days))
            .order_by(PhotoRow.received_at.desc())
            .limit(_MOST_PHOTOS)
        )
        with self._database.read() as session:
            return [(photo_id, int(phash, 16)) for photo_id, phash in session.execute(query)]

    def open_cases(self, matters: Sequence[str], since: datetime, until: datetime) -> list[Case]:
        """Cases that are not cleared, of these matters, whose time touches a stretch."""
        query = (
            select(CaseRow)
            .where(
                CaseRow.state != "cleared",
                CaseRow.matter.in_(matters),
                CaseRow.first_seen <= until,
                CaseRow.last_seen >= since,
            )
            .order_by(CaseRow.last_seen.desc())
            .limit(_MOST_CASES)
        )
        with self._database.read() as session:
            return [Case.model_validate_json(row.document) for row in session.scalars(query)]


def _stored(row: PhotoRow) -> StoredPhoto:
    return StoredPhoto(PhotoRecord.model_validate_json(row.document), row.content)
