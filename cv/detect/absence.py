"""Whether the place of an open incident is empty: for how long, and what comes back to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from cv.detect.incident import Candidate, Incident
from cv.detect.still import StillObject
from cv.geometry import iou
from cv.labels import Matter

__all__ = ["count_absence", "is_over", "returned"]

_HIDDEN_CLEARS = 3.0
"""Something stood before it for this many clear times: nobody knows, so it is cleared."""
_SETTLED_HITS = 3
_SAME_PLACE_IOU = 0.25


def count_absence(
    candidate: Candidate, thing: StillObject | None, time: datetime, step: float
) -> None:
    """Bring how long an incident's object has been absent, or hidden, up to the look at `time`.

    Args:
        thing: the object as of this look; None if it is forgotten.
        step: seconds since the look before, of which a gap counts only so many.
    """
    if thing is None or thing.missing_since:
        candidate.absent_since = candidate.absent_since or time
    hidden_since = thing.hidden_since if thing else None
    candidate.absent_s = _lasting(candidate.absent_s, candidate.absent_since, time, step)
    candidate.hidden_s = _lasting(candidate.hidden_s, hidden_since, time, step)


def _lasting(seconds: float, since: datetime | None, time: datetime, step: float) -> float:
    """It begins with the look at `since`: what was before that look nobody knows."""
    return seconds + step if since is not None and since < time else 0.0


def is_over(candidate: Candidate, incident: Incident, thing: StillObject | None) -> bool:
    """Whether an incident's place was empty, or could not be seen, for long enough."""
    clear_s = incident.rule.clear_s
    if thing is not None and thing.hidden_since:
        return candidate.hidden_s >= _HIDDEN_CLEARS * clear_s
    return candidate.absent_since is not None and candidate.absent_s >= clear_s


def returned(
    candidates: Iterable[Candidate],
    others: Iterable[StillObject],
    matter: Callable[[str, str], Matter | None],
) -> list[tuple[Candidate, StillObject]]:
    """Settled objects in the places of absent incidents, which are those incidents.

    The stall was shoved, its boxes changed with the light, or the stream came back with another
    picture size: one matter, one place, one stretch of time.

    Args:
        others: objects that are no open incidents.
        matter: what an object of a label makes in a zone.
    """
    absent = [(c, c.incident) for c in candidates if c.incident and c.absent_since]
    if not absent:
        return []
    settled = [thing for thing in others if thing.hits >= _SETTLED_HITS and thing.seen_now]
    found: dict[int, tuple[Candidate, StillObject]] = {}
    for candidate, incident in absent:
        for thing in settled:
            if (
                thing.key not in found
                and iou(incident.box, thing.box) >= _SAME_PLACE_IOU
                and matter(thing.label, candidate.zone) == incident.matter
            ):
                found[thing.key] = candidate, thing
                break
    return list(found.values())
