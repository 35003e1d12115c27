"""Which case goes on with an incident that a camera opens: one that somebody else has filed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.nearby import Sighting
from cv.cases.reported import only_reported
from cv.cases.tables import AdoptedRow, CaseRow
from cv.geometry import Box, iou
from cv.site import PhotoSettings

__all__ = ["NOWHERE", "Watched", "adopting", "same_case"]

NOWHERE = Box(0, 0, 0, 0)
_SAME_PLACE_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """What a camera sees of a thing: where, and in which stretch of time."""

    camera: str
    zone: str
    matter: str
    box: Box
    first_seen: datetime
    last_seen: datetime


def same_case(session: Session, seen: Watched, beside: Collection[str] = ()) -> str | None:
    """The id of a case filed for the same place (IoU ≥ 0.5) whose stretch of time overlaps.

    Args:
        beside: ids of cases that it is not.
    """
    query = select(CaseRow).where(
        CaseRow.camera == seen.camera,
        CaseRow.zone == seen.zone,
        CaseRow.matter == seen.matter,
        CaseRow.first_seen <= seen.last_seen,
        CaseRow.last_seen >= seen.first_seen,
    )
    overlaps = [
        (iou(seen.box, Box(row.x1, row.y1, row.x2, row.y2)), row.id)
        for row in session.scalars(query)
        if row.id not in beside
    ]
    share, case_id = max(overlaps, default=(0.0, None))
    return case_id if share >= _SAME_PLACE_IOU else None


def adopting(
    session: Session, case: Case, within: PhotoSettings, beside: Collection[str] = ()
) -> str | None:
    """The id of the case that a camera's new case continues; None if it is a case of its own.

    The watch asked when the incident opened. What was filed since then, while it prepared the
    pictures or the store was away, it cannot know, and it keeps calling the incident by its own id:
    the case of another watch of the same camera, or a citizen's.

    Args:
        beside: ids of what the same watch saw beside it.
    """
    before = session.get(AdoptedRow, case.id)
    if before is not None:
        return before.case_id
    if case.state != "new":
        return None
    other = _watched_too(session, case, beside) or _reported(session, case, within)
    if other is not None:
        session.add(AdoptedRow(id=case.id, case_id=other))
    return other


def _watched_too(session: Session, case: Case, beside: Collection[str]) -> str | None:
    roi = case.detections[0].roi
    seen = Watched(
        camera=case.source.channel_id,
        zone=roi.id if roi else "",
        matter=case.matter.matter,
        box=case.box or NOWHERE,
        first_seen=case.time.first_seen,
        last_seen=case.time.last_seen,
    )
    return same_case(session, seen, beside)


def _reported(session: Session, case: Case, within: PhotoSettings) -> str | None:
    place, time = case.place, case.time
    if place.lon is None or place.lat is None:
        return None
    seen = Sighting(place.lon, place.lat, time.first_seen, time.last_seen)
    return only_reported(session, seen, case.matter.matter, within)
