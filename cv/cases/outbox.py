"""The outbox: every message reaches its target, in order per case, however long it takes.

At least once: a message that the target took just before this process died is sent again, with the
same key, and the target drops it. Targets do not wait for one another.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Self

from cv.cases.case import Case
from cv.cases.closing import Closings
from cv.cases.deliveries import Claim, Deliveries
from cv.cases.due import JITTER, LEASE_S, RETRY_DELAYS_S
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Target, UnreachableError
from cv.errors import DeliveryError, KerbwatchError

__all__ = ["DeliveryReport", "Outbox"]

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_POLL_S = 1.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one round did, and what is left.

    Attributes:
        failed: will be tried again.
        dead: given up in this round.
        pending: still to be delivered, whenever.
        held: waiting for a person's review of their case.
        closed: cases that a target's desk is done with, news of this round.
        next_at: when the next of them can be tried.
    """

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    pending: int = 0
    held: int = 0
    closed: int = 0
    next_at: datetime | None = None


class Outbox:
    """Delivers what the store's outbox holds; a context manager that closes its targets.

    Args:
        clock: aware UTC.
        rng: for jitter.
        lease_s: a message whose deliverer died is taken over after this time.
        unwatched: whether a camera saw a case that looks there no more: it will not say the end.
    """

    def __init__(
        self,
        store: CaseStore,
        targets: Sequence[Target],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: Random | None = None,
        lease_s: float = LEASE_S,
        unwatched: Callable[[Case], bool] = lambda _: False,
    ) -> None:
        self._rows = store.outbox
        self._clock = clock
        rng = rng or Random()  # noqa: S311 - spreads load, guards nothing
        served = [target.name for target in targets]
        self._lanes = [
            _Lane(
                store.outbox,
                target,
                clock,
                rng,
                lease_s,
                closings=Closings(store.database, target, clock, served, unwatched),
            )
            for target in targets
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.target.close()

    def run(self, stop: threading.Event) -> None:
        """Deliver whatever becomes due, until stopped; a delivery that has begun is ended."""
        if self._lanes:
            with ThreadPoolExecutor(len(self._lanes), thread_name_prefix="deliver") as pool:
                for done in [pool.submit(lane.run, stop) for lane in self._lanes]:
                    done.result()

    def deliver_due(self, stop: threading.Event | None = None) -> DeliveryReport:
        """Deliver all that is due now; a message that fails waits for its next turn.

        Args:
            stop: when it is set, a delivery that has begun is ended, and no other begins.
        """
        if not self._lanes:
            return DeliveryReport()
        with ThreadPoolExecutor(len(self._lanes), thread_name_prefix="deliver") as pool:
            counts = list(pool.map(lambda lane: lane.deliver_due(stop), self._lanes))
        delivered, failed, dead = (sum(column) for column in zip(*counts, strict=True))
        names = [lane.target.name for lane in self._lanes]
        pending, held = (self._rows.count(state, names) for state in ("pending", "held"))
        due = [at for lane in self._lanes if (at := lane.next_at()) is not None]
        is_stopped = stop.is_set if stop else lambda: False
        closed = 0 if is_stopped() else sum(lane.ask(is_stopped) for lane in self._lanes)
        return DeliveryReport(
            delivered, failed, dead, pending, held, closed, min(due, default=None)
        )

    def unserved(self) -> dict[str, int]:
        """Messages that wait for a target that is none of ours, by its name."""
        names = {lane.target.name for lane in self._lanes}
        return {
            lane.target: lane.pending
            for lane in self._rows.lanes()
            if lane.target not in names and lane.pending
        }

    def turned_off(self) -> dict[str, str]:
        """Targets of ours that want nothing any more, each with what it said."""
        names = {lane.target.name for lane in self._lanes}
        return {name: why for name, why in self._rows.turned_off().items() if name in names}


class _Lane:
    """The way to one target; one thread at a time.

    While nobody answers there, or when it asked to slow down, all its messages pause: the first of
    them tells as much as a hundred time-outs would.
    """

    def __init__(
        self,
        rows: Deliveries,
        target: Target,
        clock: Callable[[], datetime],
        rng: Random,
        lease_s: float,
        *,
        closings: Closings,
    ) -> None:
        self.target = target
        self._rows = rows
        self._closings = closings
        self._clock = clock
        self._rng = rng
        self._lease_s = lease_s
        self._pause_began = self._paused_until = datetime.min.replace(tzinfo=UTC)
        self._unanswered = 0
        self._unwritten: Callable[[], bool] | None = None

    def run(self, stop: threading.Event) -> None:
        said = ""
        while not stop.is_set():
            wait_s = _POLL_S
            try:
                self.deliver_due(stop)
                # Messages come first.
                self.ask(lambda: stop.is_set() or self._has_work())
                due = self.next_at()
                if due is not None:
                    wait_s = min(_POLL_S, max(0.0, (due - self._clock()).total_seconds()))
                if said:
                    logger.warning("%s: delivery goes on", self.target.name)
                    said = ""
            except KerbwatchError as error:
                if str(error) != said:
                    said = str(error)
                    logger.error("%s: delivery pauses: %s", self.target.name, error)
            except Exception as error:  # a bug of today must not end delivery for good
                if type(error).__name__ != said:
                    said = type(error).__name__
                    logger.exception("ALARM: %s: delivery pauses", self.target.name)
            stop.wait(max(wait_s, 0.01))

    def deliver_due(self, stop: threading.Event | None) -> tuple[int, int, int]:
        """Give the number of messages delivered, failed and given up."""
        outcomes: list[str] = []
        if self._unwritten:
            self._write(self._unwritten)
        while not (stop and stop.is_set()) and self._has_work():
            claim = self._rows.claim(self.target.name, self._clock(), self._lease_s)
            if claim is None:
                break
            outcomes.append(self._deliver(claim))
        return outcomes.count("delivered"), outcomes.count("failed"), outcomes.count("dead")

    def ask(self, is_awaited: Callable[[], bool]) -> int:
        """Read back what the target's desk closed, now and then; gives how many cases.

        Args:
            is_awaited: as for `Closings.ask_if_due`.
        """
        return 0 if self._is_paused() else self._closings.ask_if_due(is_awaited)

    def next_at(self) -> datetime | None:
        due = self._rows.next_due(self.target.name, self._clock())
        return max(due, self._paused_until) if due and self._is_paused() else due

    def _is_paused(self) -> bool:
        """A clock that was set back ends a pause, which it would come to the end of in days."""
        return self._pause_began <= self._clock() < self._paused_until

    def _has_work(self) -> bool:
        """Asked without taking the write lock, every second."""
        due = self.next_at()
        return due is not None and due <= self._clock()

    def _deliver(self, claim: Claim) -> str:
        try:
            case = Case.model_validate_json(claim.body)
            message = Message(claim.key, claim.event, case, claim.number)
            receipt = self.target.deliver(message)
        except DeliveryError as error:
            return self._failed(claim, error)
        except Exception as error:  # noqa: BLE001 - a target's bug must not end delivery elsewhere
            return self._failed(claim, DeliveryError(f"internal error: {type(error).__name__}"))
        now = self._clock()
        self._pause_began, self._paused_until, self._unanswered = now, now, 0
        if not self._write(lambda: self._rows.delivered(claim, now, receipt.number)):
            logger.warning("%s: took longer than its lease", claim.key)
        return "delivered"

    def _write(self, outcome: Callable[[], bool]) -> bool:
        """Write what became of a message.

        Until the database has it, it is kept and nothing more is delivered: forgotten, a message
        that was taken would leave a second time when its lease ends.
        """
        self._unwritten = outcome
        ours = outcome()
        self._unwritten = None
        return ours

    def _failed(self, claim: Claim, error: DeliveryError) -> str:
        now = self._clock()
        name, key = self.target.name, claim.key
        self._pause(error, now)
        if error.gone or error.permanent or claim.attempt >= len(RETRY_DELAYS_S):
            self._write(lambda: self._given_up(claim, error, now))
            if error.gone:
                logger.error(
                    "ALARM: %s is off until `kerbwatch cases retry --dead`: %s", name, error
                )
            else:
                logger.error("%s to %s: given up at try %d: %s", key, name, claim.attempt, error)
            return "dead"
        wait_s = RETRY_DELAYS_S[claim.attempt] * (1 + JITTER * self._rng.random())
        wait_s = max(wait_s, error.retry_after_s or 0.0)
        next_at = now + timedelta(seconds=wait_s)
        self._write(lambda: self._rows.failed(claim, now, str(error), next_at))
        logger.warning("%s to %s: %s; next try in %.0f s", key, name, error, wait_s)
        return "failed"

    def _given_up(self, claim: Claim, error: DeliveryError, now: datetime) -> bool:
        if error.gone:
            self._rows.turn_off(self.target.name, now, str(error))
        return self._rows.failed(claim, now, str(error), None)

    def _pause(self, error: DeliveryError, now: datetime) -> None:
        pause_s = error.retry_after_s or 0.0
        if isinstance(error, UnreachableError):
            pause_s = max(pause_s, min(_FIRST_PAUSE_S * 2**self._unanswered, _LONGEST_PAUSE_S))
            self._unanswered = min(self._unanswered + 1, 10)
        else:
            self._unanswered = 0
        self._pause_began, self._paused_until = now, now + timedelta(seconds=pause_s)
