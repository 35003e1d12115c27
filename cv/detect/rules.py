"""From still objects to incidents: zones, dwell, presence, hours.

A still object in a zone is a candidate. It becomes an incident once it was seen there for the
rule's dwell, in enough of the looks, while the rule applied. An open incident stays one through
missed looks, a shoved stall and a restart, and is cleared when its place was empty (or the rule
stopped to apply) for the clear time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cv.detect.absence import count_absence, is_over, returned
from cv.detect.incident import Candidate, Change, Incident, incident_id
from cv.detect.presence import PresenceWindow
from cv.detect.still import StillObject
from cv.detect.zones import CameraZones
from cv.geometry import Box
from cv.site import Rule, Zone

__all__ = ["IncidentRules"]

_MIN_HITS = 2


class _Now(NamedTuple):
    """The look that is being taken in.

    Attributes:
        seconds: of its time, since 1970.
        step: seconds since the look before, of which a gap counts only so many.
        size: (width, height) of the image.
    """

    time: datetime
    seconds: float
    step: float
    size: tuple[int, int]


class IncidentRules:
    """The rules of one camera.

    Args:
        camera: its id.
        zones: its zones.
        rule_of: the rule for a label in a zone, or None; the same at every look.
        zone_time: the site's time zone, for rules with hours.
        longest_gap_s: time between two looks from which on nothing is known of the time between.
        update_every_s: an open incident reports itself again this often; 0 never.
        known: finds an incident in the store that is this one, found by an earlier run with
            other settings; gives its id.
    """

    def __init__(
        self,
        camera: str,
        zones: Sequence[Zone],
        rule_of: Callable[[Zone, str], Rule | None],
        *,
        zone_time: ZoneInfo,
        longest_gap_s: float,
        update_every_s: float = 0.0,
        known: Callable[[Incident], str | None] = lambda _: None,
    ) -> None:
        self._camera = camera
        self._zones = CameraZones(zones, rule_of, zone_time)
        self._longest_gap_s = longest_gap_s
        self._update_every_s = update_every_s
        self._known = known
        self._last_look: datetime | None = None
        self.candidates: dict[tuple[int, str], Candidate] = {}
        self.issued: dict[str, datetime] = {}
        self._open_keys: set[int] = set()

    def is_open(self, thing: StillObject) -> bool:
        """Whether the object is an open incident, which still objects must not forget."""
        return thing.key in self._open_keys

    def may_matter(self, label: str, box: Box, size: tuple[int, int]) -> bool:
        """Whether something of this label and place could come to be an incident."""
        return self._zones.may_hold(label, box, size)

    @property
    def is_undecided(self) -> bool:
        """Whether anything waits for further looks; an incident does not, in other zones."""
        return any(
            c.absent_since if c.incident else c.key not in self._open_keys
            for c in self.candidates.values()
        )

    @property
    def is_hidden(self) -> bool:
        """Whether something stands before an incident, which is cleared if that lasts."""
        return any(c.hidden_s for c in self.candidates.values())

    def restore(
        self, candidates: Sequence[Candidate], issued: dict[str, datetime], last_look: datetime
    ) -> None:
        """Go on with the candidates and the ids already given of an earlier run."""
        self.candidates = {(c.key, c.zone): c for c in candidates if c.zone in self._zones}
        self.issued = dict(issued)
        self._last_look = last_look
        self._open_keys = self._opened()

    def given_up(self, candidates: Sequence[Candidate], time: datetime) -> list[Change]:
        """What an earlier run left open in zones that there are no more: nobody would end it."""
        return [
            Change("cleared", replace(c.incident, state="cleared", cleared_at=time))
            for c in candidates
            if c.incident and c.zone not in self._zones
        ]

    def foreseen(self, time: datetime, within_s: float) -> datetime | None:
        """How new a picture must be to serve every change that may come soon.

        Args:
            time: of this look.
            within_s: how soon, in seconds.

        Returns:
            The time after which it must have been taken, to show all that may open, be updated or
            be cleared by then; None if nothing may.
        """
        moments = [
            c.incident.last_seen if c.incident and c.absent_since else c.first_seen
            for c in self.candidates.values()
            if self._left_s(c, time) <= within_s
        ]
        return max(moments, default=None)

    def _left_s(self, candidate: Candidate, time: datetime) -> float:
        """Seconds until a candidate may bring a change, if it stays as it is."""
        incident = candidate.incident
        if incident is None:
            if candidate.key in self._open_keys:
                return inf  # it is an incident of another zone
            return candidate.presence.window_s - candidate.observed_s
        if candidate.absent_since:
            return incident.rule.clear_s - candidate.absent_s
        last = candidate.updated_at or incident.confirmed_at
        every_s = self._update_every_s
        return every_s - (time - last).total_seconds() if every_s else inf

    def look(
        self, objects: Sequence[StillObject], time: datetime, size: tuple[int, int]
    ) -> list[Change]:
        """Take in the still objects after one look.

        Args:
            time: of this look, aware UTC, later than the look before.
            size: (width, height) of the image.

        Returns:
            Incidents that opened, are due for an update, or were cleared with this look.
        """
        passed = (time - self._last_look).total_seconds() if self._last_look else 0.0
        now = _Now(time, time.timestamp(), min(passed, self._longest_gap_s), size)
        self._last_look = time
        by_key = {thing.key: thing for thing in sorted(objects, key=lambda thing: thing.box)}
        self._reattach(by_key)
        changes: list[Change] = []
        for thing, zone in self._zones.pairs(list(by_key.values()), self.candidates, size):
            change = self._weigh(thing, zone, now)
            if change:
                changes.append(change)
        return changes + self._absent(by_key, now)

    def _weigh(self, thing: StillObject, zone: str, now: _Now) -> Change | None:
        """One object in one zone at one look."""
        place, seen_now = (thing.key, zone), thing.seen_now
        candidate = self.candidates.get(place)
        rule = self._zones.rule(thing, zone, now.time, now.size, entered=candidate is not None)
        if rule is None:
            if candidate and candidate.incident:
                candidate.absent_since = candidate.absent_since or now.time
            elif candidate:
                del self.candidates[place]
            return None
        if candidate is None:
            if not seen_now:
                return None
            candidate = Candidate(thing.key, zone, now.time, PresenceWindow(rule.dwell_s))
            self.candidates[place] = candidate
        else:
            candidate.observed_s += now.step
        if thing.hidden_since is None:
            candidate.presence.add(now.seconds, seen_now)
        if not seen_now:
            return None
        candidate.absent_since = None
        if candidate.incident:
            return self._update(candidate, candidate.incident, thing, now)
        return self._open(candidate, thing, rule, now)

    def _open(
        self, candidate: Candidate, thing: StillObject, rule: Rule, now: _Now
    ) -> Change | None:
        ready = (
            candidate.observed_s >= rule.dwell_s
            and thing.hits >= _MIN_HITS
            and candidate.presence.ratio >= rule.presence
            and not self.is_open(thing)
        )
        matter = self._zones.matter(thing.label, candidate.zone) if ready else None
        if matter is None:
            return None
        incident = Incident(
            id="",
            state="open",
            matter=matter,
            label=thing.label,
            camera=self._camera,
            zone=candidate.zone,
            first_seen=candidate.first_seen,
            confirmed_at=now.time,
            last_seen=now.time,
            cleared_at=None,
            first_box=thing.origin,
            box=thing.seen,
            score=thing.score,
            looks=thing.looks,
            hits=thing.hits,
            rule=rule,
            size=now.size,
            dwell_s=candidate.observed_s,
        )
        # Of several that are ready in one look, one goes on with what is known there.
        known = self._known(incident)
        key = known if known and known not in self.issued else self._new_id(incident)
        self.issued[key] = incident.first_seen
        incident = replace(incident, id=key)
        candidate.incident = incident
        candidate.updated_at = now.time
        self._open_keys.add(thing.key)
        return Change("new", incident)

    def _new_id(self, incident: Incident) -> str:
        """Ids whose first look is older than that of all that may yet open cannot come up again."""
        opened = {c.incident.id for c in self.candidates.values() if c.incident}
        oldest = min(c.first_seen for c in self.candidates.values() if c.incident is None)
        self.issued = {k: t for k, t in self.issued.items() if t >= oldest or k in opened}
        nth = 0
        while True:
            key = incident_id(
                self._camera, incident.zone, incident.matter, incident.first_seen, nth
            )
            if key not in self.issued:
                return key
            nth += 1

    def _update(
        self, candidate: Candidate, incident: Incident, thing: StillObject, now: _Now
    ) -> Change | None:
        candidate.incident = replace(
            incident,
            last_seen=now.time,
            box=thing.seen,
            score=thing.score,
            looks=thing.looks,
            hits=thing.hits,
            size=now.size,
            dwell_s=candidate.observed_s,
        )
        last = candidate.updated_at or incident.confirmed_at
        if not self._update_every_s or (now.time - last).total_seconds() < self._update_every_s:
            return None
        candidate.updated_at = now.time
        return Change("updated", candidate.incident)

    def _absent(self, by_key: dict[int, StillObject], now: _Now) -> list[Change]:
        """Drop candidates whose object is gone; clear incidents whose place stayed empty."""
        changes = []
        for place, candidate in list(self.candidates.items()):
            thing = by_key.get(candidate.key)
            if candidate.incident is None:
                if thing is None:
                    del self.candidates[place]
                continue
            count_absence(candidate, thing, now.time, now.step)
            if is_over(candidate, candidate.incident, thing):
                del self.candidates[place]
                cleared = replace(candidate.incident, state="cleared", cleared_at=now.time)
                changes.append(Change("cleared", cleared))
        if changes:
            self._open_keys = self._opened()
        return changes

    def _reattach(self, by_key: dict[int, StillObject]) -> None:
        """What settled in the place of an absent incident is that incident."""
        others = (thing for thing in by_key.values() if not self.is_open(thing))
        for candidate, thing in returned(self.candidates.values(), others, self._zones.matter):
            del self.candidates[candidate.key, candidate.zone]
            candidate.key = thing.key
            self.candidates[thing.key, candidate.zone] = candidate
            self._open_keys = self._opened()

    def _opened(self) -> set[int]:
        """Keys of the objects that are open incidents."""
        return {key for (key, _), candidate in self.candidates.items() if candidate.incident}
