"""Whether a photo is about something known already: an earlier photo, or an open case."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Literal

from cv.cases.nearby import Sighting
from cv.likeness import NEAR
from cv.photos.record import Duplicate, PhotoImage, PhotoLocation
from cv.photos.store import PhotoStore
from cv.site import PhotoSettings
from cv.site.places import degrees_around, metres_between

__all__ = ["SAME_PICTURE_DAYS", "find_duplicates"]

SAME_PICTURE_DAYS = 30.0
"""The same picture is looked for this long, wherever it is said to be from."""
_MOST = 5
Kind = Literal["photo", "case"]


def find_duplicates(
    store: PhotoStore,
    images: tuple[PhotoImage, ...],
    *,
    matters: frozenset[str],
    location: PhotoLocation | None,
    taken_at: datetime,
    now: datetime,
    within: PhotoSettings,
) -> tuple[Duplicate, ...]:
    """At most five, the same picture first, then the nearest place.

    An earlier photo counts if one of its pictures looks the same (at most `likeness.NEAR` bits of
    64 differ), or if place and time are within the site's limits and both may be about one matter.
    An open case counts by place, time and matter.

    Args:
        taken_at: when the photo was taken, else received; aware.
    """
    same = _same_pictures(store, images, now)
    likest = nsmallest(_MOST, same.items(), key=lambda item: (item[1], item[0]))
    found = {name: Duplicate(kind="photo", id=name, bits=bits) for name, bits in likest}
    if location is not None:
        nearby = _Nearby(location, taken_at, within, matters)
        for duplicate in (*nearby.photos(store), *nearby.cases(store)):
            found[duplicate.id] = duplicate.model_copy(update={"bits": same.get(duplicate.id)})
    ranked = sorted(
        found.values(),
        key=lambda d: (
            d.bits is None,
            d.metres if d.metres is not None else float("inf"),
            d.seconds if d.seconds is not None else float("inf"),
            d.id,
        ),
    )
    return tuple(ranked[:_MOST])


def _same_pictures(
    store: PhotoStore, images: tuple[PhotoImage, ...], now: datetime
) -> dict[str, int]:
    """Earlier photos that look the same, and in how many bits they differ."""
    # Pictures without contrast all have one hash, and look the same without being so.
    mine = [image.phash for image in images if not image.quality.dark]
    values = [int(phash, 16) for phash in mine]
    found: dict[str, int] = {}
    since = now - timedelta(days=SAME_PICTURE_DAYS)
    for photo_id, theirs in store.alike(mine, since) if mine else ():
        bits = min((value ^ theirs).bit_count() for value in values)
        if bits <= NEAR:
            found[photo_id] = min(bits, found.get(photo_id, NEAR))
    return found


class _Nearby:
    """What is known near a place and a moment."""

    def __init__(
        self,
        location: PhotoLocation,
        taken_at: datetime,
        within: PhotoSettings,
        matters: frozenset[str],
    ) -> None:
        self._location = location
        self._taken_at = taken_at
        self._within = within
        self._matters = matters
        span = timedelta(seconds=within.time_s)
        self._since, self._until = taken_at - span, taken_at + span

    def photos(self, store: PhotoStore) -> list[Duplicate]:
        box = degrees_around(self._location.lon, self._location.lat, self._within.metres)
        found = []
        for record in store.near(box, self._since, self._until):
            matters, place = self._matters & record.matters, record.location
            if not matters or place is None:
                continue
            metres = metres_between(self._location.lon, self._location.lat, place.lon, place.lat)
            if metres <= self._within.metres:
                apart = abs((record.captured_at or record.received_at) - self._taken_at)
                found.append(_duplicate("photo", record.id, metres, apart.total_seconds(), matters))
        return found

    def cases(self, store: PhotoStore) -> list[Duplicate]:
        here = Sighting(self._location.lon, self._location.lat, self._taken_at, self._taken_at)
        return [
            _duplicate("case", n.case.id, n.metres, n.seconds, {n.case.matter.matter})
            for n in store.open_cases(here, self._matters, self._within)
        ]


def _duplicate(
    kind: Kind, known: str, metres: float, seconds: float, matters: Collection[str]
) -> Duplicate:
    return Duplicate(
        kind=kind,
        id=known,
        metres=round(metres, 1),
        seconds=round(seconds, 1),
        matters=tuple(sorted(matters)),
    )
