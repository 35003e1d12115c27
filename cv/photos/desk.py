"""Where citizens' photos come in: opens the case store when the first one does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from cv.cases.database import Database
from cv.cases.opening import open_store
from cv.detect.detector import Detector
from cv.disk import DiskSpace
from cv.errors import KerbwatchError, StoreError
from cv.evidence.due import record_name
from cv.evidence.log import EvidenceLog
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

    A store that cannot be opened or written costs the storing, never the answer: the record is
    returned all the same, and `kept` is False.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.space = DiskSpace(site.reporting.data, site.disk)
        self._opening = threading.Lock()
        self._database: Database | None = None

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def known(self, content: str, report: Report) -> StoredPhoto | None:
        """This very report, if it came before.

        Args:
            content: `content_digest` of the report.

        Raises:
            OtherContentError: its idempotency key stands for another report.
        """
        store = self._store()
        try:
            stored = store.get(photo_id(content, report)) if store else None
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

        def made(store: PhotoStore | None) -> PhotoRecord:
            return triage(
                looks, report,
                site=self.site, detector=detector, store=store, space=self.space,
                record_id=photo_id(content, report), now=now, elapsed_s=elapsed_s,
            )  # fmt: skip

        store = self._store()
        if store is None:
            return StoredPhoto(made(None), content), False
        try:
            stored = store.add(made(store), content, self.site)
        except KerbwatchError as error:
            logger.error("a photo is not kept: %s", error)
            return StoredPhoto(made(None), content), False
        if stored.content != content:
            raise OtherContentError("this Idempotency-Key was used for another report")
        return stored, True

    def get(self, record_id: str) -> StoredPhoto | None:
        """A report that was kept; None if there is none of this id.

        Raises:
            StoreError: the store cannot be read, so that nobody knows.
        """
        return PhotoStore(self._open()).get(record_id)

    def was_deleted(self, record_id: str) -> bool:
        """Whether there was such a report, and its time was up.

        Raises:
            StoreError: as `get`.
        """
        return EvidenceLog(self._open()).tells_of_deletion(record_name("report", record_id))

    def _store(self) -> PhotoStore | None:
        try:
            return PhotoStore(self._open())
        except StoreError as error:
            logger.error("photos are not kept: %s", error)
            return None

    def _open(self) -> Database:
        with self._opening:
            if self._database is None:
                try:
                    self._database = open_store(self.site).database
                except KerbwatchError as error:
                    raise StoreError(f"the case store cannot be opened: {error}") from error
            return self._database
