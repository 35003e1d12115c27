"""What a key's holder may do."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Role"]


class Role(StrEnum):
    """Each includes those before it."""

    REPORT = "report"
    """An app that sends citizens' photos."""
    OPERATE = "operate"
    """The desk that reviews cases."""
    ADMIN = "admin"
    """Who runs the service."""

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)
