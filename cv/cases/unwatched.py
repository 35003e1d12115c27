"""Open cases that no look will end: of cameras and zones that the site file does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from sqlalchemy import select

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.tables import CaseRow
from cv.cases.transaction_retry import retried
from cv.labels import ZoneKind
from cv.site import Site

__all__ = ["is_unwatched", "unwatched_cases"]

_MOST_NAMED = 5


def unwatched_cases(database: Database, site: Site) -> Iterator[str]:
    """A line for people about such cameras, and one about such zones, if there are any."""
    zones = _watched_zones(site)
    cameras: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for camera, zone in _open_places(database):
        if camera not in zones:
            cameras[camera] += 1
        elif zone not in zones[camera]:
            places[f"{camera}/{zone}"] += 1
    if cameras:
        yield (
            f"open cases of cameras that the site file does not have: {_named(cameras)}; unless "
            "another machine watches them, they end only by `kerbwatch cases close`"
        )
    if places:
        yield (
            f"open cases of zones that the site file does not have: {_named(places)}; they end "
            "with the camera's next look, if it knows of them, or by `kerbwatch cases close`"
        )


def is_unwatched(case: Case, site: Site) -> bool:
    """Whether a camera saw it in a place that the site file does not have."""
    roi = case.detections[0].roi if case.detections else None
    return roi is not None and roi.id not in _watched_zones(site).get(case.source.channel_id, ())


def _watched_zones(site: Site) -> dict[str, set[str]]:
    """Of each camera the zones whose incidents become cases."""
    return {c.id: {z.id for z in c.zones if z.kind is not ZoneKind.IGNORE} for c in site.cameras}


@retried
def _open_places(database: Database) -> list[tuple[str, str]]:
    """Camera and zone of every open case that a camera saw."""
    query = select(CaseRow.camera, CaseRow.zone).where(CaseRow.is_open, CaseRow.zone != "")
    with database.read() as session:
        return [(row.camera, row.zone) for row in session.execute(query.order_by(CaseRow.camera))]


def _named(counts: Counter[str]) -> str:
    named = ", ".join(f"{name} ({n})" for name, n in islice(counts.items(), _MOST_NAMED))
    more = len(counts) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
