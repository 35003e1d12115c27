"""What is past its deadline, by the rules of `[privacy]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import or_, select

from cv.cases.database import Database
from cv.cases.parts import ClosurePart, ReviewPart
from cv.cases.tables import AdoptedRow, CaseRow, PhotoRow, RequestRow
from cv.evidence.log import EvidenceLog
from cv.evidence.originals import KINDS
from cv.site import Privacy, Site

__all__ = ["RECORDS", "Lot", "due", "record_name", "unmasked"]

RECORDS = ("report", "contact", "request")
"""What goes from the database: a photo's record, who posted a request, a request's words."""

_AT_ONCE = 200
_WRITING_S = 3600.0
_T = TypeVar("_T")


def record_name(kind: str, record_id: str) -> str:
    """What the log calls a record of the database; `kind` is one of `RECORDS`."""
    return f"{kind} {record_id}"


@dataclass(frozen=True, slots=True)
class Lot:
    """What one rule deletes together.

    Attributes:
        rule: the key in `[privacy]`.
        files: relative to the data folder.
        folder: goes with its files, relative to the data folder; None if it stays.
        case: whose document then says that its pictures in the folder are gone.
        photo: the report whose record goes as well.
        contact: the Open311 request that is no longer told who posted it.
        request: the Open311 request whose words go, here and in the case.
        unread: folders that may hold more of it and cannot be read, each with the reason.
    """

    rule: str
    files: tuple[str, ...]
    folder: str | None = None
    case: str | None = None
    photo: str | None = None
    contact: str | None = None
    request: str | None = None
    unread: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        """What goes from the database, by its name in the log."""
        named = zip(RECORDS, (self.photo, self.contact, self.request), strict=True)
        return tuple(record_name(kind, record_id) for kind, record_id in named if record_id)


class _Times(BaseModel):
    reported: AwareDatetime


class _Ending(BaseModel):
    """What of a case document says when it ended; the rest is not worth reading each hour."""

    state: str
    time: _Times
    review: ReviewPart
    closure: ClosurePart | None = None
    rule: dict[str, object] | None

    @property
    def is_watched(self) -> bool:
        return self.rule is not None


def due(site: Site, database: Database, now: datetime) -> Iterator[Lot]:
    """Everything whose time is up, looked up as it is asked for.

    Args:
        now: wall time, aware.
    """
    data, privacy = site.reporting.data, site.privacy
    yield from _originals(data, now - timedelta(seconds=privacy.keep_originals_s))
    yield from _reports(data, privacy, database, now)
    yield from _requests(privacy, database, now)
    unread: list[str] = []
    folders = _inside(data / "evidence", data, unread)
    names = [path.name for path in folders if path.is_dir()]
    if unread:
        yield Lot("keep_evidence", (), unread=tuple(unread))
    for some in _batches(names):
        yield from _folders(data, privacy, database, some, now)


def _originals(data: Path, before: datetime) -> Iterator[Lot]:
    """Unmasked pictures, and what a killed process left half written beside them."""
    unread: list[str] = []
    old = sorted(
        path
        for path in unmasked(data, unread)
        # Half a file may become a whole one yet.
        if _stored(path) < before.timestamp() - (_WRITING_S if path.suffix == ".tmp" else 0)
    )
    for some in _batches(old):
        yield Lot("keep_originals", _names(some, data))
    if unread:
        yield Lot("keep_originals", (), unread=tuple(unread))


def unmasked(data: Path, unread: list[str]) -> Iterator[Path]:
    """Every unmasked picture of a data folder.

    Args:
        unread: is told of folders that cannot be read.
    """
    for kind in KINDS:
        for folder in _inside(data / kind, data, unread):
            yield from _inside(folder, data, unread)


def _reports(data: Path, privacy: Privacy, database: Database, now: datetime) -> Iterator[Lot]:
    """Citizens' reports with their masked pictures: by their case's rule, if they have one."""
    shortest = min(privacy.keep_photos_s, privacy.keep_rejected_s, privacy.keep_evidence_s)
    query = select(PhotoRow.id, PhotoRow.case_id, PhotoRow.received_at).where(
        PhotoRow.received_at < now - timedelta(seconds=shortest)
    )
    with database.read() as session:
        reports = session.execute(query.order_by(PhotoRow.received_at)).all()
    for some in _batches(reports):
        cases = _cases(database, (r.case_id for r in some if r.case_id))
        for report in some:
            case = cases.get(report.case_id or "")
            if case is None:
                rule, end = "keep_photos", report.received_at
                until = end + timedelta(seconds=privacy.keep_photos_s)
            else:
                rule, until = _deadline(case, privacy)
            if until is not None and until < now:
                folder = f"evidence/{report.id}"
                unread: list[str] = []
                files = _names(_inside(data / folder, data, unread), data)
                yield Lot(rule, files, folder, report.case_id, report.id, unread=tuple(unread))


def _requests(privacy: Privacy, database: Database, now: datetime) -> Iterator[Lot]:
    """Who posted by Open311 goes when a picture's original would; the words, with their case."""
    named = RequestRow.contact.is_not(None)
    before = now - timedelta(seconds=privacy.keep_originals_s)
    query = select(RequestRow.id).where(named, RequestRow.received_at < before)
    with database.read() as session:
        contacts = session.scalars(query.order_by(RequestRow.received_at)).all()
    yield from (Lot("keep_originals", (), contact=request_id) for request_id in contacts)
    shortest = min(privacy.keep_rejected_s, privacy.keep_evidence_s)
    said = (RequestRow.address, RequestRow.description, RequestRow.media_url)
    spoken = or_(*(column.is_not(None) for column in said))
    spoken &= RequestRow.received_at < now - timedelta(seconds=shortest)
    words = select(RequestRow.id, RequestRow.case_id).where(spoken)
    with database.read() as session:
        requests = session.execute(words.order_by(RequestRow.received_at)).all()
    for some in _batches(requests):
        cases = _cases(database, (row.case_id for row in some))
        for row in some:
            rule, until = _deadline(cases[row.case_id], privacy)
            if until is not None and until < now:
                yield Lot(rule, (), case=row.case_id, request=row.id)


def _folders(
    data: Path, privacy: Privacy, database: Database, names: Sequence[str], now: datetime
) -> Iterator[Lot]:
    """Masked pictures of cases, and folders that belong to nothing."""
    with database.read() as session:
        adopted = select(AdoptedRow.id, AdoptedRow.case_id).where(AdoptedRow.id.in_(names))
        owners = dict(zip(names, names, strict=True))
        owners |= {row.id: row.case_id for row in session.execute(adopted)}
        reports = set(session.scalars(select(PhotoRow.id).where(PhotoRow.id.in_(names))))
    cases = _cases(database, owners.values())
    for name in names:
        if name in reports:
            continue
        folder = data / "evidence" / name
        unread: list[str] = []
        files = _inside(folder, data, unread)
        case = cases.get(owners[name])
        if case is None:
            # Its case was never recorded: a process was killed in between. Or the site names
            # another database than before, so this is no time for haste.
            rule, keep_s = "keep_evidence", privacy.keep_evidence_s if files else _WRITING_S
            gone = EvidenceLog(database).deletion_of(record_name("report", name))
            if gone is not None and gone.rule:
                # By another machine, which has the same database and another folder.
                rule, keep_s = gone.rule.removeprefix("privacy."), _WRITING_S
            newest = max((_stored(path) for path in (folder, *files)), default=inf)
            over = newest < now.timestamp() - keep_s
        else:
            rule, until = _deadline(case, privacy)
            over = until is not None and until < now
        if over:
            owner = owners[name] if case else None
            yield Lot(rule, _names(files, data), f"evidence/{name}", owner, unread=tuple(unread))


def _deadline(case: _Ending, privacy: Privacy) -> tuple[str, datetime | None]:
    """By which rule the evidence of a case goes, and when; None while it is open.

    Wall time counts, not media time: a recording of last year is not old news.
    """
    review, closure = case.review, case.closure
    if review.state == "rejected":
        rejected = review.at or case.time.reported
        return "keep_rejected", rejected + timedelta(seconds=privacy.keep_rejected_s)
    # Nobody clears what no camera watches: it ends with the last that was heard of it.
    if case.state != "cleared" and closure is None and case.is_watched:
        return "keep_evidence", None
    moments = (case.time.reported, review.at, closure.at if closure else None)
    end = max(moment for moment in moments if moment)
    return "keep_evidence", end + timedelta(seconds=privacy.keep_evidence_s)


def _cases(database: Database, ids: Iterable[str]) -> Mapping[str, _Ending]:
    query = select(CaseRow.id, CaseRow.document).where(CaseRow.id.in_(set(ids)))
    with database.read() as session:
        return {row.id: _Ending.model_validate_json(row.document) for row in session.execute(query)}


def _inside(folder: Path, data: Path, unread: list[str]) -> list[Path]:
    """What is in a folder, in order. `glob` takes one that cannot be read for an empty one.

    Args:
        unread: is told of the folder if it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        name = folder.relative_to(data).as_posix().encode(errors="backslashreplace").decode()
        unread.append(f"{name}: {error.strerror}")
        return []


def _stored(path: Path) -> float:
    """When a file was written, in seconds of the epoch; endless if it has gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return inf


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[i : i + _AT_ONCE] for i in range(0, len(items), _AT_ONCE))


def _names(paths: Iterable[Path], data: Path) -> tuple[str, ...]:
    return tuple(path.relative_to(data).as_posix() for path in paths)
