"""Writes down who saw which evidence, before they see it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from fastapi import Request

from cv.errors import KerbwatchError
from cv.evidence.log import Answer, Event, EvidenceLog
from serve.limits import STORE_AWAY_S, BusyError, PerMinute, address, subscriber

__all__ = ["Seen", "UnloggedError"]

_REFUSALS = 30
"""Entries a minute for what is refused to one client that has no right to anything."""
logger = logging.getLogger(__name__)


class UnloggedError(BusyError):
    """An access could not be written down, so there is none (HTTP 503)."""

    message_zh = "暂时无法登记访问记录，因此不提供图片"

    def __init__(self) -> None:
        super().__init__(
            "the access cannot be written down now, so the picture is not given out", STORE_AWAY_S
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One way to evidence.

    Attributes:
        action: what its entries are called.
    """

    log: EvidenceLog
    action: Literal["view", "original"]
    _refusals: PerMinute = field(default_factory=partial(PerMinute, _REFUSALS, "refusals"))
    _overflows: PerMinute = field(default_factory=partial(PerMinute, 1, "overflows"))

    def note(
        self,
        request: Request,
        outcome: Answer,
        *,
        who: str,
        what: str,
        reason: str | None = None,
    ) -> None:
        """Write an access down, with the client's address; it is on the disk when this returns.

        Raises:
            UnloggedError: that was not possible.
        """
        event = Event(
            action=self.action,
            outcome=outcome,
            who=who,
            what=what,
            address=address(request),
            reason=reason,
        )
        try:
            self.log.write(event)
        except KerbwatchError as error:
            logger.error("evidence is not given out, the access cannot be written down: %s", error)
            raise UnloggedError from error

    def refuse(self, request: Request, *, who: str, what: str) -> None:
        """Write down that somebody was refused who had no right to ask.

        The log is kept for more than a year, and anybody may try at random: beyond 30 a minute of
        one client, an entry a minute says that there were more.

        Raises:
            UnloggedError: that was not possible.
        """
        client = f"{who} {subscriber(request)}"
        if not self._refusals.counts(client):
            if not self._overflows.counts(client):
                return
            what = f"more than {_REFUSALS} refusals a minute, without an entry each"
        self.note(request, "refused", who=who, what=what)
