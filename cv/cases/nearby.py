"""What is open near a place and a moment: what a photo, or a camera, may be about as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.tables import CaseRow, StateRow
from cv.site import PhotoSettings
from cv.site.places import degrees_around, metres_between

__all__ = ["NearCase", "Sighting", "open_near"]

_MOST = 2000


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something seen from `begin` to `end`, aware; lon, lat in degrees of CGCS2000 or WGS-84."""

    lon: float
    lat: float
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NearCase:
    """An open case, and how far it is from a sighting.

    Attributes:
        metres: between the two places.
        seconds: between the two stretches of time; 0 where they meet.
    """

    case: Case
    metres: float
    seconds: float


def open_near(
    session: Session, seen: Sighting, matters: frozenset[str], within: PhotoSettings
) -> list[NearCase]:
    """Cases of these matters, neither cleared nor closed, near in place and time; nearest first.

    None that a person has rejected: whoever sees something there later may see something else.
    A case tells when it was last seen only now and then. What a live camera has open goes on for
    as long as its watch does.
    """
    span = timedelta(seconds=within.time_s)
    west, south, east, north = degrees_around(seen.lon, seen.lat, within.metres)
    watched = exists().where(
        StateRow.camera == CaseRow.camera,
        StateRow.stream == "live",
        StateRow.saved_at >= seen.begin - span,
    )
    query = (
        select(CaseRow)
        .where(
            CaseRow.is_open,
            CaseRow.review.is_distinct_from("rejected"),
            CaseRow.matter.in_(sorted(matters)),
            CaseRow.first_seen <= seen.end + span,
            or_(CaseRow.last_seen >= seen.begin - span, watched),
            CaseRow.lon.between(west, east),
            CaseRow.lat.between(south, north),
        )
        .order_by(CaseRow.last_seen.desc())
        .limit(_MOST)
    )
    found = [_near(row, seen, span) for row in session.scalars(query)]
    found = [near for near in found if near.metres <= within.metres]
    return sorted(found, key=lambda near: (near.metres, near.seconds, near.case.id))


def _near(row: CaseRow, seen: Sighting, span: timedelta) -> NearCase:
    assert row.lon is not None and row.lat is not None
    apart = max(row.first_seen - seen.end, seen.begin - row.last_seen, timedelta(0))
    return NearCase(
        Case.model_validate_json(row.document),
        metres_between(seen.lon, seen.lat, row.lon, row.lat),
        # Beyond the span the case counts because its camera still watches: it goes on.
        apart.total_seconds() if apart <= span else 0.0,
    )
