"""What the city did with its cases: asked now and then where a target can say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from cv.cases.again import retried
from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.parts import ClosurePart
from cv.cases.tables import CaseRow, DeliveryRow
from cv.cases.targets import Answering, Target
from cv.errors import DeliveryError
from cv.plausible_time import clamped

__all__ = ["ASK_EVERY_S", "Closings", "close_case", "reopen_case"]

ASK_EVERY_S = 600.0
"""A desk works in minutes at the fastest; what it did is news to nobody sooner."""

_AT_ONCE = 50
"""Numbers asked for in one call: their addresses stay short enough for any server."""
_OLDEST = timedelta(days=180)
_REOPENED_WITHIN = timedelta(days=14)
"""Who checks whether a case was ended rightly does it within days; later it is not asked for."""
logger = logging.getLogger(__name__)


class Closings:
    """Asks one target which of the cases that it took are closed, or open again; one thread at a
    time.

    Args:
        clock: aware UTC.
    """

    def __init__(self, database: Database, target: Target, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._name = target.name
        self._target = target if isinstance(target, Answering) else None
        self._clock = clock
        self._asked_at: datetime | None = None

    def ask_if_due(self) -> int:
        """Ask, unless that was done within `ASK_EVERY_S`; gives how many cases were closed.

        A target that does not answer costs nothing but the news.
        """
        now = self._clock()
        if self._target is None or not self._is_due(now):
            return 0
        self._asked_at = now
        closed = 0
        try:
            for numbers in self._asked(now):
                for number, closure in _closures(self._target, list(numbers)).items():
                    if closure is None:
                        reopen_case(self._database, numbers[number], self._name)
                    else:
                        closed += close_case(self._database, numbers[number], closure)
        except DeliveryError as error:
            logger.warning("%s: does not say which cases are closed: %s", self._name, error)
        return closed

    def _is_due(self, now: datetime) -> bool:
        """It is also where the clock was set back to before it was asked."""
        last = self._asked_at
        return last is None or not last <= now < last + timedelta(seconds=ASK_EVERY_S)

    def _asked(self, now: datetime) -> Iterator[dict[str, str]]:
        """Case ids by the target's numbers, a few at a time, the latest cases first."""
        query = (
            select(DeliveryRow.number, CaseRow.id)
            .join(CaseRow, CaseRow.id == DeliveryRow.case_id)
            .where(
                DeliveryRow.target == self._name,
                DeliveryRow.number.is_not(None),
                or_(CaseRow.closed_at.is_(None), CaseRow.closed_at >= now - _REOPENED_WITHIN),
                CaseRow.filed_at >= now - _OLDEST,
            )
            .order_by(DeliveryRow.seq.desc())
        )
        with self._database.read() as session:
            known = {number: case_id for number, case_id in session.execute(query) if number}
        pairs = list(known.items())
        for start in range(0, len(pairs), _AT_ONCE):
            yield dict(pairs[start : start + _AT_ONCE])


def _closures(target: Answering, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
    try:
        return target.closures(numbers)
    except DeliveryError:
        raise
    except Exception as error:  # a target's bug, or an odd answer, must not end delivery there
        raise DeliveryError(f"internal error: {type(error).__name__}") from error


@retried
def close_case(database: Database, case_id: str, closure: ClosurePart) -> bool:
    """Keep that somebody is done with a case; False if somebody was before."""
    with database.write() as session:
        row = session.get_one(CaseRow, case_id, with_for_update=True)
        if row.closed_at is not None:
            return False
        case = Case.model_validate_json(row.document)
        at = clamped(closure.at).astimezone(case.time.reported.tzinfo)
        closed = case.model_copy(update={"closure": closure.model_copy(update={"at": at})})
        row.document, row.closed_at = closed.model_dump_json(), at
        return True


@retried
def reopen_case(database: Database, case_id: str, by: str) -> bool:
    """Somebody is not done with a case after all; False if `by` is not who closed it."""
    with database.write() as session:
        row = session.get_one(CaseRow, case_id, with_for_update=True)
        case = Case.model_validate_json(row.document)
        if case.closure is None or case.closure.by != by:
            return False
        row.document = case.model_copy(update={"closure": None}).model_dump_json()
        row.closed_at = None
        logger.info("%s: open again, says %s", case_id, by)
        return True
