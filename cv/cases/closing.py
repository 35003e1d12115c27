"""What the city did with its cases: asked now and then where a target can say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.messages import Consequence, apply_closure
from cv.cases.parts import ClosurePart
from cv.cases.tables import CaseRow, DeliveryRow
from cv.cases.targets import Answering, Target
from cv.cases.transaction_retry import retried
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
        served: the names of all targets, of which others may be told.
        unwatched: whether a camera saw a case that looks there no more.
    """

    def __init__(
        self,
        database: Database,
        target: Target,
        clock: Callable[[], datetime],
        served: Collection[str] = (),
        unwatched: Callable[[Case], bool] = lambda _: False,
    ) -> None:
        self._database = database
        self._served = served
        self._unwatched = unwatched
        self._name = target.name
        self._target = target if isinstance(target, Answering) else None
        self._clock = clock
        self._asked_at: datetime | None = None
        self._left: Iterator[dict[str, list[str]]] = iter(())

    def ask_if_due(self, is_awaited: Callable[[], bool]) -> int:
        """Ask, unless that was done within `ASK_EVERY_S`; gives how many cases were closed.

        A target that does not answer costs nothing but the news.

        Args:
            is_awaited: whether there is something more urgent; then the rest is asked the next
                time. A city has tens of thousands of cases, a thousand calls.
        """
        now = self._clock()
        if self._target is None:
            return 0
        if self._is_due(now):
            self._asked_at, self._left = now, self._asked(now)
        closed = 0
        try:
            for numbers in self._left:
                found = _closures(self._target, list(numbers))
                told = ((case, found[n]) for n in found for case in numbers.get(n, ()))
                closed += sum(self._note(case, closure, now) for case, closure in told)
                if is_awaited():
                    break
        except DeliveryError as error:
            self._left = iter(())
            logger.warning("%s: does not say which cases are closed: %s", self._name, error)
        return closed

    def _note(self, case_id: str, closure: ClosurePart | None, now: datetime) -> bool:
        """Keep what the desk says of a case; gives whether it closed it."""
        database, told, unwatched = self._database, self._served, self._unwatched
        if closure is None:
            reopen_case(database, case_id, self._name, told=told, unwatched=unwatched, now=now)
            return False
        done = close_case(database, case_id, closure, told=told, unwatched=unwatched, now=now)
        return done is not None

    def _is_due(self, now: datetime) -> bool:
        """It is also where the clock was set back to before it was asked."""
        last = self._asked_at
        return last is None or not last <= now < last + timedelta(seconds=ASK_EVERY_S)

    def _asked(self, now: datetime) -> Iterator[dict[str, list[str]]]:
        """Case ids by the target's numbers, a few at a time, the latest cases first.

        Of a case that was moved to another number the last counts; and a desk that takes several
        for one has one number for them.
        """
        mine = (DeliveryRow.target == self._name, DeliveryRow.number.is_not(None))
        last = select(func.max(DeliveryRow.seq)).where(*mine).group_by(DeliveryRow.case_id)
        query = (
            select(DeliveryRow.number, CaseRow.id)
            .join(CaseRow, CaseRow.id == DeliveryRow.case_id)
            .where(
                DeliveryRow.seq.in_(last),
                or_(CaseRow.closed_at.is_(None), CaseRow.closed_at >= now - _REOPENED_WITHIN),
                CaseRow.filed_at >= now - _OLDEST,
            )
            .order_by(DeliveryRow.seq.desc())
        )
        cases: dict[str, list[str]] = {}
        with self._database.read() as session:
            for number, case_id in session.execute(query):
                cases.setdefault(str(number), []).append(case_id)
        pairs = list(cases.items())
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
def close_case(
    database: Database,
    case_id: str,
    closure: ClosurePart,
    *,
    told: Collection[str] = (),
    unwatched: Callable[[Case], bool] = lambda _: False,
    now: datetime | None = None,
) -> Consequence | None:
    """Keep that somebody is done with a case; None if somebody was before.

    What waits for a review of it is withdrawn.

    Args:
        told: targets that are told at once if they have the case and nobody has said before that
            it is over, nor will a camera; but for the one that says so.
        unwatched: whether a camera saw it that looks there no more.
        now: aware; by default the present.
    """
    with database.write() as session:
        row = session.get_one(CaseRow, case_id, with_for_update=True)
        if row.closed_at is not None:
            return None
        case = Case.model_validate_json(row.document)
        at = clamped(closure.at).astimezone(case.time.reported.tzinfo)
        closure = closure.model_copy(update={"at": at})
        closed = case.model_copy(update={"closure": closure})
        row.document, row.closed_at = closed.model_dump_json(), at
        others = _others(row, case, closure, told, unwatched)
        return apply_closure(session, closed, closure, now or datetime.now(UTC), others)


@retried
def reopen_case(
    database: Database,
    case_id: str,
    by: str,
    *,
    told: Collection[str] = (),
    unwatched: Callable[[Case], bool] = lambda _: False,
    now: datetime | None = None,
) -> bool:
    """Somebody is not done with a case after all; False if `by` is not who closed it.

    Args:
        told, unwatched: as for `close_case`.
        now: aware; by default the present.
    """
    with database.write() as session:
        row = session.get_one(CaseRow, case_id, with_for_update=True)
        case = Case.model_validate_json(row.document)
        if case.closure is None or case.closure.by != by:
            return False
        opened = case.model_copy(update={"closure": None})
        row.document, row.closed_at = opened.model_dump_json(), None
        others = _others(row, case, case.closure, told, unwatched)
        apply_closure(session, opened, case.closure, now or datetime.now(UTC), others)
        logger.info("%s: open again, says %s", case_id, by)
        return True


def _others(
    row: CaseRow,
    case: Case,
    closure: ClosurePart,
    told: Collection[str],
    unwatched: Callable[[Case], bool],
) -> list[str]:
    """Who is told that a case is closed, or open again: nobody if something else ended it, or a
    camera will.
    """
    is_over = row.state == "cleared" or row.review == "rejected"
    if is_over or (case.is_watched and not unwatched(case)):
        return []
    return [target for target in told if target != closure.by]
