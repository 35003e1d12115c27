"""Whether a photo is about something known already: an earlier photo, or an open case."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import hypot
from typing import Literal

from cv.photos.likeness import NEAR
from cv.photos.record import Duplicate, PhotoImage, PhotoLocation
from cv.photos.store import PhotoStore
from cv.site import PhotoDuplicates
from cv.site.places import metres_per_degree

__all__ = ["SAME_PICTURE_DAYS", "find_duplicates", "metres_between"]

SAME_PICTURE_DAYS = 30.0
"""The same picture is looked for this long, wherever it is said to be from."""
_MOST = 5
_POLES = 89.9
Kind = Literal["photo", "case"]
Place = tuple[float, float]
"""lon, lat in degrees."""


def find_duplicates(
    store: PhotoStore,
    images: tuple[PhotoImage, ...],
    *,
    matters: frozenset[str],
    location: PhotoLocation | None,
    taken_at: datetime,
    now: datetime,
    within: PhotoDuplicates,
) -> tuple[Duplicate, ...]:
    """At most five, the same picture first, then the nearest place.

    An earlier photo counts if one of its pictures looks the same (at most `likeness.NEAR` bits of
    64 differ), or if place and time are within the site's limits and both may be about one matter.
    An open case counts by place, time and matter.

    Args:
        taken_at: when the photo was taken, else received; aware.
    """
    found: dict[str, Duplicate] = _same_pictures(store, images, now)
    if location is not None:
        nearby = _Nearby(location, taken_at, within, matters)
        for duplicate in (*nearby.photos(store), *nearby.cases(store)):
            same = found.get(duplicate.id)
            found[duplicate.id] = (
                duplicate.model_copy(update={"bits": same.bits}) if same else duplicate
            )
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


def metres_between(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Along the ground, for places a few kilometres apart at most."""
    east_m, north_m = metres_per_degree(max(-_POLES, min(_POLES, lat)))
    east = (other_lon - lon + 180) % 360 - 180
    return hypot(east * east_m, (other_lat - lat) * north_m)


def _same_pictures(
    store: PhotoStore, images: tuple[PhotoImage, ...], now: datetime
) -> dict[str, Duplicate]:
    # Pictures without contrast all have one hash, and look the same without being so.
    mine = [int(image.phash, 16) for image in images if not image.quality.dark]
    found: dict[str, Duplicate] = {}
    for photo_id, theirs in store.hashes(now, SAME_PICTURE_DAYS) if mine else ():
        bits = min((value ^ theirs).bit_count() for value in mine)
        known = found.get(photo_id)
        if bits <= NEAR and (known is None or bits < (known.bits or 0)):
            found[photo_id] = Duplicate(kind="photo", id=photo_id, bits=bits)
    return found


class _Nearby:
    """What is known near a place and a moment."""

    def __init__(
        self,
        location: PhotoLocation,
        taken_at: datetime,
        within: PhotoDuplicates,
        matters: frozenset[str],
    ) -> None:
        self._location = location
        self._taken_at = taken_at
        self._within = within
        self._matters = matters
        span = timedelta(seconds=within.time_s)
        self._since, self._until = taken_at - span, taken_at + span

    def photos(self, store: PhotoStore) -> list[Duplicate]:
        lon, lat = self._location.lon, self._location.lat
        east_m, north_m = metres_per_degree(max(-_POLES, min(_POLES, lat)))
        wide, high = self._within.metres / east_m, self._within.metres / north_m
        box = (lon - wide, lat - high, lon + wide, lat + high)
        found = []
        for record in store.near(box, self._since, self._until):
            matters, place = self._matters & record.matters, record.location
            if not matters or place is None:
                continue
            seconds = abs((record.captured_at or record.received_at) - self._taken_at)
            found += self._made(("photo", record.id), (place.lon, place.lat), seconds, matters)
        return found

    def cases(self, store: PhotoStore) -> list[Duplicate]:
        found = []
        for case in store.open_cases(sorted(self._matters), self._since, self._until):
            if case.place.lon is None or case.place.lat is None:
                continue
            place = case.place.lon, case.place.lat
            before = case.time.first_seen - self._taken_at
            after = self._taken_at - case.time.last_seen
            seconds = max(before, after, timedelta(0))
            matters = frozenset({case.matter.matter})
            found += self._made(("case", case.id), place, seconds, matters)
        return found

    def _made(
        self, known: tuple[Kind, str], place: Place, apart: timedelta, both: frozenset[str]
    ) -> list[Duplicate]:
        metres = metres_between(self._location.lon, self._location.lat, *place)
        if metres > self._within.metres:
            return []
        return [
            Duplicate(
                kind=known[0],
                id=known[1],
                metres=round(metres, 1),
                seconds=round(apart.total_seconds(), 1),
                matters=tuple(sorted(both)),
            )
        ]
