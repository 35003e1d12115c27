"""What came of one scenario or clip, and of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from math import inf, isfinite

from cv.detect.incident import Incident
from cv.geometry import Box, iou
from cv.labels import Matter

__all__ = [
    "Faults",
    "Happened",
    "Outcome",
    "Place",
    "Summary",
    "as_document",
    "compared",
    "summary",
]

_SAME_PLACE_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is in the picture, in pixels, while a view lasts; None: always."""

    box: Box
    since: datetime | None = None
    until: datetime | None = None

    def at(self, time: datetime) -> bool:
        """Whether it was there then."""
        begun = self.since is None or self.since <= time
        return begun and (self.until is None or time <= self.until)


@dataclass(frozen=True, slots=True)
class Happened:
    """A true incident.

    Attributes:
        begin, end: when the thing stood there while its rule was active, aware; end None: to the
            last look.
        places: where; several if the view changes.
        certain: False where even a person may differ: it may be reported, and need not be.
    """

    matter: Matter
    zone: str
    begin: datetime
    end: datetime | None
    places: tuple[Place, ...]
    certain: bool = True


@dataclass(slots=True)
class Faults:
    """Camera faults that were raised because the view changed, against when it did.

    Attributes:
        true: how often the camera was made to show another view.
        found: how often that was noticed while it lasted.
        false: faults raised that began while it showed its own.
    """

    true: int = 0
    found: int = 0
    false: int = 0
    _elsewhere: bool = field(default=False, init=False)
    _raised: bool = field(default=False, init=False)
    _noticed: bool = field(default=False, init=False)

    def look(self, *, raised: bool, true: bool) -> None:
        """Take in one look, in order of time.

        Args:
            raised: the fault is, after this look.
            true: the camera shows another view.
        """
        if true and not self._elsewhere:
            self.true += 1
            self._noticed = False
        if raised and true and not self._noticed:
            self.found += 1
            self._noticed = True
        if raised and not self._raised and not true:
            self.false += 1
        self._elsewhere, self._raised = true, raised

    @property
    def right(self) -> bool:
        """Each noticed, none made up, and none left raised."""
        return self.found == self.true and not self.false and self._raised == self._elsewhere


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario or clip.

    Attributes:
        true: incidents that happened.
        found: of them, those that were reported.
        false: reported incidents that did not happen.
        duplicates: reports of an incident beyond its first.
        open_delays_s, clear_delays_s: how much later than the rule says each was opened and
            cleared; below 0 is too early. An incident that was never cleared has an infinite one,
            one that was cleared though its thing still stood an infinite one below 0.
        faults: of the camera.
    """

    name: str
    true: int
    found: int
    false: int
    duplicates: int
    open_delays_s: tuple[float, ...]
    clear_delays_s: tuple[float, ...]
    every_s: float
    faults: Faults

    @property
    def right(self) -> bool:
        """Nothing missed, made up or doubled."""
        incidents = self.found == self.true and not self.false and not self.duplicates
        return incidents and self.faults.right

    @property
    def exact(self) -> bool:
        """Right, and no delay of more than one look."""
        delays = (*self.open_delays_s, *self.clear_delays_s)
        return self.right and all(-self.every_s <= delay <= self.every_s for delay in delays)


@dataclass(frozen=True, slots=True)
class Summary:
    """All scenarios; the delays are the largest ones, either way.

    Attributes:
        turns, noticed_turns, false_turns: how often a camera was turned, how often that was
            noticed, and how often it was said of one that was not.
    """

    precision: float
    recall: float
    duplicates: int
    open_delay_s: float
    clear_delay_s: float
    turns: int
    noticed_turns: int
    false_turns: int
    scenarios: int


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """What all of them add up to."""
    found, true = sum(o.found for o in outcomes), sum(o.true for o in outcomes)
    false = sum(o.false for o in outcomes)
    return Summary(
        precision=found / (found + false) if found + false else 1.0,
        recall=found / true if true else 1.0,
        duplicates=sum(o.duplicates for o in outcomes),
        open_delay_s=_largest(d for o in outcomes for d in o.open_delays_s),
        clear_delay_s=_largest(d for o in outcomes for d in o.clear_delays_s),
        turns=sum(o.faults.true for o in outcomes),
        noticed_turns=sum(o.faults.found for o in outcomes),
        false_turns=sum(o.faults.false for o in outcomes),
        scenarios=len(outcomes),
    )


def as_document(result: Summary) -> dict[str, float | None]:
    """For JSON, which has no infinity: a delay without end is None."""
    return {key: value if isfinite(value) else None for key, value in asdict(result).items()}


def _largest(delays: Iterator[float]) -> float:
    return max(delays, key=abs, default=0.0)


def compared(
    name: str,
    happened: Sequence[Happened],
    reported: Sequence[Incident],
    faults: Faults,
    *,
    last: datetime,
    every_s: float,
) -> Outcome:
    """Pair what was reported with what happened: same matter, zone, time and place.

    Args:
        reported: each as of its last change, the earliest first.
        last: when the last look was.
    """
    matches: list[list[Incident]] = [[] for _ in happened]
    false = 0
    for incident in reported:
        likeness = [_likeness(incident, true) for true in happened]
        best = max(likeness, default=0.0)
        if best >= _SAME_PLACE_IOU:
            matches[likeness.index(best)].append(incident)
        else:
            false += 1
    pairs = [(t, m[0]) for t, m in zip(happened, matches, strict=True) if m and t.certain]
    clear = (_clear_delay(true, incident, last) for true, incident in pairs)
    return Outcome(
        name=name,
        true=sum(t.certain for t in happened),
        found=len(pairs),
        false=false,
        duplicates=sum(len(m) - 1 for m in matches if m),
        open_delays_s=tuple(_open_delay(true, incident) for true, incident in pairs),
        clear_delays_s=tuple(delay for delay in clear if delay is not None),
        every_s=every_s,
        faults=faults,
    )


def _likeness(incident: Incident, true: Happened) -> float:
    """IoU of their places at the same time; 0 if they differ in kind, zone or time."""
    if (incident.matter, incident.zone) != (true.matter, true.zone):
        return 0.0
    ended = true.end is not None and incident.first_seen > true.end
    if ended or incident.last_seen < true.begin:
        return 0.0
    reported = ((incident.first_seen, incident.first_box), (incident.last_seen, incident.box))
    overlaps = (
        iou(place.box, box) for place in true.places for time, box in reported if place.at(time)
    )
    return max(overlaps, default=0.0)


def _open_delay(true: Happened, incident: Incident) -> float:
    due = true.begin + timedelta(seconds=incident.rule.dwell_s)
    return (incident.confirmed_at - due).total_seconds()


def _clear_delay(true: Happened, incident: Incident, last: datetime) -> float | None:
    """None where it neither should have been cleared nor was."""
    due = None if true.end is None else true.end + timedelta(seconds=incident.rule.clear_s)
    if (due is None or due >= last) and incident.cleared_at is None:
        return None
    if incident.cleared_at is None:
        return inf
    if due is None:
        return -inf
    return (incident.cleared_at - due).total_seconds()
