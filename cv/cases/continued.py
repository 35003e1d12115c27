"""A change of a case that is stored already: what stays of it."""

from __future__ import annotations

from collections.abc import Sequence

from cv.cases.case import Case
from cv.cases.parts import EvidenceItem, PrivacyPart, TimePart
from cv.cases.recoding import with_review

__all__ = ["continued", "masks_more"]


def continued(case: Case, earlier: Case) -> Case:
    """A change of a case that is stored already, with what stays of it.

    The beginning stays as it was, unless the clock was set back to before it, and so do unit and
    limit as they were filed, as long as the code does (a camera knows better than a photo in what
    zone a thing stands), and a review once there is one, with the code that it chose. So do the
    pictures, but of the scenes between the first and the latest: a stall of three days makes no
    document of 100 KB. Those in which less is masked than the site masks by now are withheld, for
    the document says of all its pictures what is masked in them.
    """
    known = {item.id for item in case.evidence}
    kept = [item for item in earlier.evidence if item.id not in known]
    if masks_more(case.privacy, earlier.privacy):
        kept = [item.model_copy(update={"withheld": "not masked"}) for item in kept]
    if any(item.role == "scene" for item in case.evidence):
        kept = [item for i, item in enumerate(kept) if item.role != "scene" or _is_first(kept, i)]
    same_code = case.matter.code5 == earlier.matter.code5
    on = case.model_copy(
        update={
            "source": case.source.model_copy(update={"kind": earlier.source.kind}),
            "place": earlier.place if earlier.place.method == "report" else case.place,
            "evidence": (*kept, *case.evidence),
            "reports": earlier.reports,
            "dedup": earlier.dedup,
            "time": _begun(case.time, earlier.time),
            "closure": earlier.closure,
            "dept": (earlier.dept if same_code else None) or case.dept,
            "limit": (earlier.limit if same_code else None) or case.limit,
        }
    )
    return on if earlier.review.state == "proposed" else with_review(on, earlier)


def _begun(now: TimePart, before: TimePart) -> TimePart:
    """With the beginning as it was told first.

    What the watch makes of it where the clock was set back counts only for what would else lie
    after the last sighting.
    """
    first, confirmed = before.first_seen, before.confirmed
    if first > now.last_seen:
        first = now.first_seen
    if confirmed > now.last_seen:
        confirmed = max(first, now.confirmed)
    return now.model_copy(update={"first_seen": first, "confirmed": confirmed})


def masks_more(now: PrivacyPart, before: PrivacyPart) -> bool:
    """Whether something is masked now that was not before."""
    return (now.faces_masked and not before.faces_masked) or (
        now.plates_masked and not before.plates_masked
    )


def _is_first(items: Sequence[EvidenceItem], index: int) -> bool:
    return not any(item.role == items[index].role for item in items[:index])
