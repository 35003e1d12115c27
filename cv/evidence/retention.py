"""Deletes what is past its deadline, and leaves proof in the evidence log.

For each file an entry is written first: what it was, its SHA-256, when it was stored, by which
rule it goes. Then it is deleted, and an entry at the run's end says that all of them are gone. A
run that was killed in between is brought to its end by the next one: what it announced and did
delete, it says; what is still there, it deletes itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import delete, select, update

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.tables import CaseRow, DeliveryRow, PhotoImageRow, PhotoRow, RequestRow
from cv.errors import KerbwatchError
from cv.evidence.due import RECORDS, Lot, due, unmasked
from cv.evidence.log import Event, EvidenceLog, os_user
from cv.evidence.misdated import date_anew
from cv.evidence.sealing import sealed_digest
from cv.site import Site

__all__ = ["AlreadyRunningError", "Retention", "Sweep"]

logger = logging.getLogger(__name__)


class AlreadyRunningError(KerbwatchError):
    """Another process deletes just now."""


@dataclass(slots=True)
class Sweep:
    """What a run did.

    Attributes:
        deleted: files and records.
        failed: files that the disk would not delete, and folders that it would not show, each with
            its reason.
        pruned: entries of the log past `privacy.keep_access_log`.
    """

    deleted: int = 0
    failed: list[str] = field(default_factory=list)
    pruned: int = 0


class Retention:
    """Deletes what the rules of `[privacy]` no longer let a site keep.

    Args:
        who: is named in the proof.
    """

    def __init__(self, site: Site, database: Database, who: str | None = None) -> None:
        self._site = site
        self._data = site.reporting.data
        self._database = database
        self._log = EvidenceLog(database)
        self._who = who or os_user()

    def due(self, now: datetime) -> Iterator[Lot]:
        """What a run would delete."""
        return due(self._site, self._database, now)

    def run(self, now: datetime, stop: threading.Event | None = None) -> Sweep:
        """Delete what is due.

        Args:
            now: wall time, aware.
            stop: ends the run after what it is at.

        Raises:
            AlreadyRunningError: another process is at it.
            KerbwatchError: the proof cannot be written; then what it is about stays.
        """
        with self._alone() as folder:
            what = f"run of retention in {folder}"
            self._finish_killed(what)
            date_anew(unmasked(self._data, []), now)
            sweep, run = Sweep(), ""
            for lot in self.due(now):
                if stop is not None and stop.is_set():
                    break
                if not run:
                    run = secrets.token_hex(6)
                    self._note("begun", what, run)
                self._delete(lot, run, sweep)
            if run:
                self._note("failed" if sweep.failed else "done", what, run, sweep.deleted)
            before = now - timedelta(seconds=self._site.privacy.keep_access_log_s)
            sweep.pruned = self._log.prune(before, self._who, now=now)
        return sweep

    def _delete(self, lot: Lot, run: str, sweep: Sweep) -> None:
        failed = list(lot.unread)
        proof: list[Event] = []
        for file in lot.files:
            try:
                proof.append(self._proof(file, lot.rule, run))
            except FileNotFoundError:
                continue  # somebody else has deleted it meanwhile
            except (OSError, UnicodeEncodeError) as error:
                failed.append(_undeletable(file, error))
        if not failed:
            proof += self._record_proofs(lot, run)
        if proof:
            self._log.write(*proof)
        for event in proof:
            if event.what not in lot.records:
                try:
                    (self._data / event.what).unlink(missing_ok=True)
                except OSError as error:
                    failed.append(f"{event.what}: {error.strerror}")
        if not failed:  # else the next run tries again
            self._forget(lot)
        sweep.failed += failed
        sweep.deleted += sum(not self._is_there(event) for event in proof)

    def _forget(self, lot: Lot) -> None:
        """Let the case and its messages say that pictures are gone; take out report and folder."""
        if lot.case or lot.records:
            self._forget_rows(lot)
        if lot.folder:
            # Not if somebody has put a picture there meanwhile: that is the next run's.
            with suppress(OSError):
                (self._data / lot.folder).rmdir()

    def _forget_rows(self, lot: Lot) -> None:
        with self._database.write() as session:
            row = session.get(CaseRow, lot.case, with_for_update=True) if lot.case else None
            if row is not None and (lot.folder or lot.request):
                report = lot.photo or lot.request
                row.document = _without(row.document, lot.folder, report)
                sent = select(DeliveryRow).where(DeliveryRow.case_id == row.id)
                for message in session.scalars(sent):
                    message.body = _without(message.body, lot.folder, report)
            requests = update(RequestRow)
            if lot.contact:
                session.execute(requests.where(RequestRow.id == lot.contact).values(contact=None))
            if lot.request:
                mine = requests.where(RequestRow.id == lot.request)
                words = {"address": None, "description": None, "media_url": None}
                # A digest of words that are gone would let somebody try out which they were.
                session.execute(mine.values(**words, content=""))
            if lot.photo:
                session.execute(delete(PhotoImageRow).where(PhotoImageRow.photo_id == lot.photo))
                session.execute(delete(PhotoRow).where(PhotoRow.id == lot.photo))

    def _proof(self, file: str, rule: str, run: str) -> Event:
        """What is said of a file before it goes.

        Raises:
            OSError: it cannot be read.
            UnicodeEncodeError: its name is not UTF-8.
        """
        file.encode()
        path = self._data / file
        content = path.read_bytes()
        stored = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        digest = sealed_digest(content) or hashlib.sha256(content).hexdigest()
        return Event(
            action="delete", outcome="begun", who=self._who, what=file,
            sha256=digest, stored=stored, rule=f"privacy.{rule}", run=run,
        )  # fmt: skip

    def _record_proofs(self, lot: Lot, run: str) -> list[Event]:
        found = ((record, self._content(record)) for record in lot.records)
        return [
            Event(
                action="delete", outcome="begun", who=self._who, what=record,
                sha256=_digest_of(record, content[0]),
                stored=content[1], rule=f"privacy.{lot.rule}", run=run,
            )
            for record, content in found
            if content
        ]  # fmt: skip

    def _content(self, record: str) -> tuple[str, datetime] | None:
        """What a record of the database says, and since when; None if it has gone."""
        kind, _, record_id = record.partition(" ")
        with self._database.read() as session:
            if kind == "report":
                photo = session.get(PhotoRow, record_id)
                return (photo.document, photo.received_at) if photo else None
            row = session.get(RequestRow, record_id)
            if row is None:
                return None
            words = [row.address, row.description, row.media_url]
            said = [row.contact] if kind == "contact" else words
            text = "\n".join(part for part in said if part)
            return (text, row.received_at) if text else None

    def _finish_killed(self, what: str) -> None:
        """Say of a run that was killed what it did delete of what it announced."""
        begun = self._log.unfinished_run(what)
        if begun is None:
            return
        gone = sum(not self._is_there(entry) for entry in self._log.announced(begun))
        self._note("done", what, begun.run, gone)

    def _is_there(self, announced: Event) -> bool:
        if announced.what.partition(" ")[0] in RECORDS:
            return self._content(announced.what) is not None
        return (self._data / announced.what).exists()

    def _note(
        self,
        outcome: Literal["begun", "done", "failed"],
        what: str,
        run: str | None,
        count: int | None = None,
    ) -> None:
        event = Event(
            action="retention", outcome=outcome, who=self._who, what=what, run=run, count=count
        )
        self._log.write(event)

    @contextmanager
    def _alone(self) -> Iterator[str]:
        """One run at a time on this data folder, whichever process is at it.

        Gives the folder's own name: several machines may share a database, each with its folder.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        with (self._data / "retention.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                raise AlreadyRunningError("another process is deleting just now") from error
            except OSError as error:
                # A share without locks. Two at once only count twice; none would keep everything.
                logger.info("%s: %s", file.name, error.strerror)
            file.seek(0)
            name = file.read().strip()
            if not name:
                name = secrets.token_hex(4)
                file.write(name)
                file.flush()
            yield name


def _digest_of(record: str, content: str) -> str | None:
    """What proves which record it was; None of a number, or a few words, that it would give away:
    whoever has the digest can try them all.
    """
    is_long = record.startswith("report ")
    return hashlib.sha256(content.encode()).hexdigest() if is_long else None


def _undeletable(file: str, error: OSError | UnicodeEncodeError) -> str:
    if isinstance(error, OSError):
        return f"{file}: {error.strerror}"
    # None of ours, and the log cannot name it.
    name = file.encode(errors="backslashreplace").decode()
    return f"{name}: its name is not UTF-8; delete it by hand"


def _without(document: str, folder: str | None, report_id: str | None) -> str:
    """A case as it is told once the pictures in a folder, and a report's words, are gone."""
    case = Case.model_validate_json(document)
    items = [
        item.model_copy(update={"withheld": "deleted"})
        if folder and item.masked and item.file and Path(item.file).parent == Path(folder)
        else item
        for item in case.evidence
    ]
    words: dict[str, None] = {"address": None, "description": None}
    reports = [
        report.model_copy(update=words) if report.id == report_id else report
        for report in case.reports
    ]
    place = case.place
    if report_id and place.method == "report":
        # In words it is what the report that opened the case said; all of them go together.
        place = place.model_copy(update={"address": None})
    less = {"evidence": tuple(items), "reports": tuple(reports), "place": place}
    return case.model_copy(update=less).model_dump_json()
