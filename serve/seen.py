"""Writes down who saw which evidence, before they see it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from fastapi import Request

from cv.errors import KerbwatchError
from cv.evidence.log import Event, EvidenceLog
from serve.limits import STORE_AWAY_S, BusyError, address

__all__ = ["Seen", "UnloggedError"]

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

    def note(
        self,
        request: Request,
        outcome: Literal["served", "refused", "expired", "gone", "unreadable"],
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
