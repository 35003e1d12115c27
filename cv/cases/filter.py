"""Which cases are wanted, and from where on in their order: the latest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, or_

from cv.cases.tables import CaseRow, DeliveryRow
from cv.site.places import degrees_around

__all__ = ["CaseFilter", "Position"]


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; None is any.

    Attributes:
        state: open (neither cleared nor closed), new, updated, cleared or closed.
        since: seen at or after this moment, aware.
        until: seen at or before this moment, aware.
        near: lon, lat in degrees of CGCS2000 or WGS-84, and metres around them.
        review: proposed (nobody has decided), confirmed or rejected.
        held: only those of which something waits for a review.
        dead: only those with a dead letter.
    """

    state: str | None = None
    camera: str | None = None
    matter: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    near: tuple[float, float, float] | None = None
    review: str | None = None
    held: bool = False
    dead: bool = False

    def apply(self, query: Select[CaseRow]) -> Select[CaseRow]:
        if self.state == "open":
            query = query.where(CaseRow.is_open)
        elif self.state == "closed":
            query = query.where(CaseRow.closed_at.is_not(None))
        elif self.state is not None:
            query = query.where(CaseRow.state == self.state)
        same = {"camera": self.camera, "matter": self.matter, "review": self.review}
        query = query.filter_by(
            **{name: value for name, value in same.items() if value is not None}
        )
        if self.since is not None:
            query = query.where(CaseRow.last_seen >= self.since)
        if self.until is not None:
            query = query.where(CaseRow.first_seen <= self.until)
        if self.near is not None:
            query = query.where(*_around(*self.near))
        wanted = {"held": self.held, "dead": self.dead}
        for state in (name for name, is_wanted in wanted.items() if is_wanted):
            letter = exists().where(DeliveryRow.case_id == CaseRow.id, DeliveryRow.state == state)
            query = query.where(letter)
        return query


def _around(lon: float, lat: float, metres: float) -> Iterator[ColumnElement[bool]]:
    """The box first, which has an index; then the circle in it."""
    west, south, east, north = degrees_around(lon, lat, metres)
    yield CaseRow.lat.between(south, north)
    yield CaseRow.lon.between(west, east)
    # What the box is wide and high in metres is the circle's diameter.
    x = (CaseRow.lon - lon) / ((east - west) / 2)
    y = (CaseRow.lat - lat) / ((north - south) / 2)
    yield x * x + y * y <= 1.0


@dataclass(frozen=True, slots=True)
class Position:
    """A case's place in the order, which stays when cases are filed or change.

    Attributes:
        first_seen: aware.
    """

    first_seen: datetime
    case_id: str

    def after(self, query: Select[CaseRow]) -> Select[CaseRow]:
        """What comes after it."""
        return query.where(
            or_(
                CaseRow.first_seen < self.first_seen,
                (CaseRow.first_seen == self.first_seen) & (CaseRow.id > self.case_id),
            )
        )
