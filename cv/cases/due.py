"""When a message may leave: by its schedule, and once no other deliverer has it.

By the wall clock, since several machines may share an outbox. While that was ahead, moments were
written down that it comes to again only in days; so what lies farther ahead than anything that is
ever written counts as past.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, literal, or_

from cv.cases.tables import DeliveryRow, UtcDateTime

__all__ = ["JITTER", "LEASE_S", "RETRY_DELAYS_S", "claimable_at", "is_free", "is_its_turn"]

_MINUTE, _HOUR = 60, 3600
RETRY_DELAYS_S = (
    0, 5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR,
    10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""Wait before the first, second, ... attempt (Standard Webhooks); then it is a dead letter."""
JITTER = 0.1
"""Up to such a share is added to each wait."""
LEASE_S = 180.0
"""Longer than any delivery: the site file allows a time-out of 120 s."""

_ASKEW = timedelta(hours=1)
"""The clocks of two machines differ by less, or one would take what the other has just leased."""
_LONGEST_WAIT = timedelta(seconds=max(RETRY_DELAYS_S) * (1 + JITTER)) + _ASKEW
_LONGEST_LEASE = timedelta(seconds=LEASE_S) + _ASKEW


def is_its_turn(now: datetime) -> ColumnElement[bool]:
    """Whether the message waits for no retry: it was not tried yet, or whoever did has died."""
    next_at = DeliveryRow.next_at
    return or_(
        DeliveryRow.attempts == 0,
        DeliveryRow.lease_until.is_not(None),
        next_at <= now,
        next_at > now + _LONGEST_WAIT,
    )


def is_free(now: datetime) -> ColumnElement[bool]:
    """Whether no deliverer has the message right now."""
    until = DeliveryRow.lease_until
    return or_(until.is_(None), until <= now, until > now + _LONGEST_LEASE)


def claimable_at(now: datetime) -> ColumnElement[datetime]:
    """When it is the message's turn and it is free: `now` if it is both."""
    moment = literal(now, UtcDateTime)
    turn = case((is_its_turn(now), moment), else_=DeliveryRow.next_at)
    free = case((is_free(now), moment), else_=DeliveryRow.lease_until)
    return case((free > turn, free), else_=turn)
