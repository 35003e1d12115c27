"""An incident: one matter, at one place, over one stretch of time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from cv.detect.presence import PresenceWindow
from cv.geometry import Box
from cv.labels import Matter
from cv.site import Rule

__all__ = ["Candidate", "Change", "Event", "Incident", "incident_id"]

Event = Literal["new", "updated", "cleared"]


@dataclass(frozen=True, slots=True)
class Incident:
    """A confirmed incident as of one look; candidates are the rules' own affair.

    Attributes:
        id: derived from camera, zone, matter and first_seen, so that a second run over the same
            input gives the same one.
        first_seen, confirmed_at, last_seen, cleared_at: aware UTC.
        first_box, box: in the first and the latest look, in pixels of the source image; `size`
            is that image's (width, height).
        score: median of the latest detection scores.
        looks, hits: looks that showed the place since first_seen, and those with the object in it.
        rule: the one that fired, for "why was this created?".
        dwell_s: how long it is known to have stood, as of last_seen: like a candidate's
            `observed_s`, without gaps in the stream.
    """

    id: str
    state: Literal["open", "cleared"]
    matter: Matter
    label: str
    camera: str
    zone: str
    first_seen: datetime
    confirmed_at: datetime
    last_seen: datetime
    cleared_at: datetime | None
    first_box: Box
    box: Box
    score: float
    looks: int
    hits: int
    rule: Rule
    size: tuple[int, int]
    dwell_s: float = 0.0  # what a state of before it was kept says, until the next sighting

    def resized(self, size: tuple[int, int]) -> Incident:
        """The same in pixels of a picture of another size, (width, height), of the same view."""
        return replace(
            self,
            first_box=self.first_box.resized(self.size, size),
            box=self.box.resized(self.size, size),
            size=size,
        )


@dataclass(slots=True)
class Candidate:
    """One still object in one zone.

    Attributes:
        key: of the still object.
        observed_s: time between looks since first_seen; a gap without looks counts at most
            as one usual interval, because nobody knows what was there meanwhile.
        absent_since: first of the present run of looks without it (or without a rule for it).
        absent_s, hidden_s: how long it is known to have been absent, and behind something: time
            between looks, counted like `observed_s`.
        incident: once it has become one.
    """

    key: int
    zone: str
    first_seen: datetime
    presence: PresenceWindow
    observed_s: float = 0.0
    absent_since: datetime | None = None
    absent_s: float = 0.0  # what a state of before it was kept says as well
    hidden_s: float = 0.0
    incident: Incident | None = None
    updated_at: datetime | None = None


class Change(NamedTuple):
    """What a look changed about an incident."""

    event: Event
    incident: Incident


def incident_id(camera: str, zone: str, matter: str, first_seen: datetime, nth: int) -> str:
    """`kw-` and 20 hexadecimal digits of a SHA-256.

    Args:
        nth: 0, or how many incidents of this zone and matter began at the same look before it.
    """
    moment = first_seen.isoformat(timespec="milliseconds")
    text = "|".join((camera, zone, matter, moment, str(nth)))
    return "kw-" + hashlib.sha256(text.encode()).hexdigest()[:20]
