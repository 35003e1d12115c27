"""The case store: cases, their messages and the watches' states, in one database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Select, func, or_, select

from cv.cases.adopting import Watched, same_case
from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.deliveries import Deliveries, DeliveryRecord
from cv.cases.filing import file_case
from cv.cases.filter import CaseFilter, Position
from cv.cases.messages import Consequence, apply_review
from cv.cases.nearby import Sighting
from cv.cases.parts import ReviewPart
from cv.cases.recoding import Recoding
from cv.cases.reported import only_reported, take_turns_nearby
from cv.cases.review import is_same_word, review_digest
from cv.cases.tables import AdoptedRow, AnyText, CaseRow, StateRow
from cv.cases.transaction_retry import retried, retried_if_undone
from cv.errors import KerbwatchError, UserError
from cv.site import PhotoSettings

__all__ = ["CaseStore", "ReviewedError", "StoredCase"]

_USUAL = PhotoSettings()


class ReviewedError(KerbwatchError):
    """Somebody else reviewed the case meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as it stands; `number` is the receiver's."""

    case: Case
    number: str | None
    filed_at: datetime
    deliveries: tuple[DeliveryRecord, ...]


class CaseStore:
    """Opens (and migrates) the database; a context manager, usable from several threads.

    Args:
        place: a SQLite file on a local disk, or any SQLAlchemy URL.

    Raises:
        UserError: the database cannot be opened, or a newer kerbwatch wrote it.
    """

    def __init__(self, place: Path | str) -> None:
        self.database = Database(place)
        self.outbox = Deliveries(self.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    @retried
    def commit_look(
        self,
        *,
        camera: str,
        stream: str,
        filings: Sequence[Case],
        state: str | None,
        targets: Sequence[str],
        now: datetime,
        hold: bool = False,
        never: Collection[str] = (),
        within: PhotoSettings = _USUAL,
        beside: Collection[str] = (),
    ) -> None:
        """File cases with their messages and save the watch's state, in one transaction.

        What was filed before (the same input a second time) changes nothing, nor does anything
        about a case that is cleared. What another watch of the camera filed meanwhile goes on
        under that one's id.

        Args:
            hold: messages of a proposed case wait until it has been reviewed.
            never: matters whose cases are kept here and told to nobody.
            within: how near a new case and a citizen's report are one.
            beside: ids that this watch gave: what has one of them, or of `filings`, is another
                thing.

        Raises:
            StoreError: the database refused it, or is away.
        """
        beside = {*beside, *(case.id for case in filings)}
        with self.database.write() as session:
            if any(case.state == "new" for case in filings):
                take_turns_nearby(session)
            for case in filings:
                told = () if case.matter.matter in never else targets
                file_case(session, case, told, now, hold=hold, within=within, beside=beside)
            if state is not None:
                session.merge(StateRow(camera=camera, stream=stream, state=state, saved_at=now))

    @retried
    def load_state(self, camera: str, stream: str) -> str | None:
        with self.database.read() as session:
            row = session.get(StateRow, (camera, stream))
            return row.state if row else None

    @retried
    def same_case(self, seen: Watched) -> str | None:
        """The id of a case filed for the same place (IoU ≥ 0.5) whose stretch of time overlaps."""
        with self.database.read() as session:
            return same_case(session, seen)

    @retried
    def reported_case(self, seen: Sighting, matter: str, within: PhotoSettings) -> str | None:
        """The id of the nearest open case about the same thing that only citizens saw so far."""
        with self.database.read() as session:
            return only_reported(session, seen, matter, within)

    def cases(
        self, wanted: CaseFilter | None = None, *, limit: int, after: Position | None = None
    ) -> list[StoredCase]:
        """Cases, latest first.

        Args:
            after: the last case of those that were asked for before.
        """
        query = select(CaseRow).order_by(CaseRow.first_seen.desc(), CaseRow.id).limit(limit)
        query = after.after(query) if after else query
        return self._stored(self._rows((wanted or CaseFilter()).apply(query)))

    def every_case(self) -> Iterator[Case]:
        """All cases, the earliest first, read as they are asked for."""
        query = select(CaseRow).order_by(CaseRow.first_seen, CaseRow.id)
        with self.database.read() as session:
            for row in session.scalars(query.execution_options(yield_per=100)):
                yield Case.model_validate_json(row.document)

    def find(self, case_id: str) -> StoredCase | None:
        """The case of this very id, if there is one; or the one that goes on with a camera's
        incident of this id.
        """
        adopting = select(AdoptedRow.case_id).where(AdoptedRow.id == case_id)
        wanted = or_(CaseRow.id == case_id, CaseRow.id.in_(adopting))
        stored = self._stored(self._rows(select(CaseRow).where(wanted)))
        return stored[0] if stored else None

    def case(self, prefix: str) -> StoredCase:
        """The case whose id, or the id of an incident that it goes on with, begins so.

        Raises:
            UserError: none does, or several do.
        """
        whole = self.find(prefix)
        if whole:
            return whole
        # Not LIKE: SQLite's takes A for a, PostgreSQL's does not.
        own, adopted = (
            func.substr(id_, 1, len(prefix), type_=AnyText) == prefix
            for id_ in (CaseRow.id, AdoptedRow.id)
        )
        wanted = or_(own, CaseRow.id.in_(select(AdoptedRow.case_id).where(adopted)))
        rows = self._rows(select(CaseRow).where(wanted).limit(2))
        if len(rows) == 1:
            return self._stored(rows)[0]
        problem = "several cases begin so; give more of the id" if rows else "no such case"
        raise UserError(f"{prefix[:40]!r}: {problem}")

    @retried_if_undone
    def review(
        self,
        case_id: str,
        review: ReviewPart,
        *,
        recoding: Recoding | None = None,
        instead_of: Collection[str] | None = None,
        targets: Collection[str] = (),
    ) -> Consequence:
        """Keep a person's word on a case; a later one replaces it.

        Messages to a target that has been told nothing of the case yet carry it, or are withdrawn
        if the case is rejected. A target that may have it already is told at once that the case is
        none, is one after all or has another code, as long as it is open; anything else is said by
        the next message. The same word a second time changes nothing.

        Args:
            recoding: what the case is filed under by `review.code5`. A word without a code leaves
                the case under the one that was chosen before.
            instead_of: digests of the reviews that it may replace; None is any.
            targets: those that are served; no others are told at once.

        Raises:
            ReviewedError: another review than those stands there.
        """
        with self.database.write() as session:
            row = session.get_one(CaseRow, case_id, with_for_update=True)
            case = Case.model_validate_json(row.document)
            review = review.model_copy(update={"code5": review.code5 or case.review.code5})
            if is_same_word(case.review, review):
                return Consequence()
            if instead_of is not None and review_digest(case.review) not in instead_of:
                raise ReviewedError(f"{case_id}: {case.review.state} meanwhile")
            said = case.model_copy(update={"review": review})
            if recoding is not None:
                said = recoding.applied(said)
            row.document, row.review = said.model_dump_json(), review.state
            told = targets if row.is_open and _sends_elsewhere(case, said) else ()
            return apply_review(session, said, review.at or datetime.now(UTC), told)

    def deliveries(self, case_id: str) -> tuple[DeliveryRecord, ...]:
        """How every message of a case stands, in the order they were filed."""
        return self.outbox.records([case_id]).get(case_id, ())

    def retry(self, case_ids: Sequence[str] | None, now: datetime) -> int:
        """Make dead letters and waiting messages due now; gives how many.

        Args:
            case_ids: of these cases; None is all dead letters.
        """
        return self.outbox.retry(case_ids, now)

    @retried
    def _rows(self, query: Select[CaseRow]) -> Sequence[CaseRow]:
        with self.database.read() as session:
            return session.scalars(query).all()

    def _stored(self, rows: Sequence[CaseRow]) -> list[StoredCase]:
        records = self.outbox.records([row.id for row in rows])
        return [
            StoredCase(
                Case.model_validate_json(row.document),
                row.number,
                row.filed_at,
                records.get(row.id, ()),
            )
            for row in rows
        ]


def _sends_elsewhere(before: Case, said: Case) -> bool:
    """Whether whoever was sent out for a case should stay at home, go after all, or another one."""
    rejected = [case.review.state == "rejected" for case in (before, said)]
    return rejected[0] != rejected[1] or before.matter.code5 != said.matter.code5
