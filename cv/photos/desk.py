"""Where citizens' photos come in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from cv.cases.database import Database
from cv.detect.detector import Detector
from cv.disk import DiskSpace
from cv.errors import KerbwatchError
from cv.evidence.due import record_name
from cv.evidence.log import EvidenceLog
from cv.photos.duplicates import find_duplicates
from cv.photos.keeping import UnwrittenError, keep_pictures
from cv.photos.look import LookedAt
from cv.photos.record import PhotoRecord
from cv.photos.store import PhotoStore, StoredPhoto
from cv.photos.triage import Report, photo_id, triage
from cv.site import Site

__all__ = ["OtherContentError", "PhotoDesk"]

logger = logging.getLogger(__name__)


class OtherContentError(KerbwatchError):
    """The idempotency key was used before, for another report."""


class PhotoDesk:
    """Takes reports, and finds them again; usable from several threads.

    A store that cannot be written, or a disk that refuses the pictures of a report, costs the
    storing, never the answer: the record is returned all the same, and `kept` is False.

    Args:
        database: of the site's case store; without one nothing is kept.
    """

    def __init__(self, site: Site, database: Database | None) -> None:
        self.site = site
        self.space = DiskSpace(site.reporting.data, site.disk)
        self._photos = PhotoStore(database) if database else None
        self._log = EvidenceLog(database) if database else None

    def known(self, content: str, report: Report) -> StoredPhoto | None:
        """This very report, if it came before.

        Args:
            content: `content_digest` of the report.

        Raises:
            OtherContentError: its idempotency key stands for another report.
        """
        try:
            stored = self.get(photo_id(content, report))
        except KerbwatchError as error:
            logger.error("photos cannot be looked up: %s", error)
            return None
        if stored is None:
            return None
        if stored.content != content:
            raise OtherContentError("this Idempotency-Key was used for another report")
        return stored

    def take(
        self,
        looks: Sequence[LookedAt],
        report: Report,
        content: str,
        *,
        detector: Detector,
        now: datetime,
        elapsed_s: float,
    ) -> tuple[StoredPhoto, bool]:
        """A new report, with its case if it asks for one, and whether it is kept.

        Raises:
            OtherContentError: as `known`.
        """
        record = triage(
            looks, report,
            site=self.site, detector=detector, record_id=photo_id(content, report),
            now=now, elapsed_s=elapsed_s,
        )  # fmt: skip
        if self._photos is None:
            return StoredPhoto(record, content), False
        try:
            whole = self._with_pictures(self._compared(record, self._photos), looks)
            stored = self._photos.add(whole, content, self.site, report.sender)
        except KerbwatchError as error:
            logger.error("a photo is not kept: %s", error)
            return StoredPhoto(record, content), False
        if stored.content != content:
            raise OtherContentError("this Idempotency-Key was used for another report")
        return stored, True

    def _compared(self, record: PhotoRecord, photos: PhotoStore) -> PhotoRecord:
        """With what is known already of the same thing."""
        known = find_duplicates(
            photos,
            record.images,
            matters=record.matters,
            location=record.location,
            taken_at=record.captured_at or record.received_at,
            now=record.received_at,
            within=self.site.photos,
        )
        return record.model_copy(update={"duplicate_of": known})

    def _with_pictures(self, record: PhotoRecord, looks: Sequence[LookedAt]) -> PhotoRecord:
        """With its pictures on the disk. A report has all of them, or is none: its sender still
        has the photos, and a person cannot review a case that shows nothing.

        Raises:
            UnwrittenError: the disk refuses a report's pictures, or has no room for them.
        """
        if self.space.has_room:
            images = keep_pictures(looks, record.id, self.site, whole=record.report)
            return record.model_copy(update={"images": images})
        if record.report:
            raise UnwrittenError(f"{record.id}: there is no room for its pictures")
        return record

    def get(self, record_id: str) -> StoredPhoto | None:
        """A report that was kept; None if there is none of this id.

        Raises:
            StoreError: the store cannot be read, so that nobody knows.
        """
        return self._photos.get(record_id) if self._photos else None

    def was_deleted(self, record_id: str) -> bool:
        """Whether there was such a report, and its time was up.

        Raises:
            StoreError: as `get`.
        """
        name = record_name("report", record_id)
        return self._log is not None and self._log.deletion_of(name) is not None
