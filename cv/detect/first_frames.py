"""The first frame of whatever may become an incident, and the pictures when it does."""

from __future__ import annotations

from collections.abc import Sequence

from cv.detect.evidence import EvidenceFile, EvidenceFolder
from cv.detect.frames import Frame
from cv.detect.incident import Candidate, Change
from cv.detect.still import StillObject

__all__ = ["FirstFrames"]


class FirstFrames:
    """Keeps one camera's.

    Args:
        seldom: minutes pass between looks. Then a first frame is written at the first sighting and
            no picture stays in memory: a patrol has thousands of cameras.

    Attributes:
        files: by the key of the still object, relative to the data folder.
    """

    def __init__(self, evidence: EvidenceFolder, *, seldom: bool) -> None:
        self.evidence = evidence
        self.files: dict[int, str] = {}
        self._seldom = seldom
        self._first: Frame | None = None

    def keep(
        self, objects: Sequence[StillObject], candidates: Sequence[Candidate], frame: Frame
    ) -> None:
        """Keep the first frame of what was seen twice, and drop those of what has moved on.

        Waiting for the second sighting spares a file for every passing car.
        """
        if self.evidence.thinned:
            candidates = []  # what may become a case gives way to what is one
        watched = {c.key for c in candidates if c.incident is None}
        dropped = {k: f for k, f in self.files.items() if k not in watched}
        self.files = {k: f for k, f in self.files.items() if k in watched}
        for thing in objects:
            if thing.key not in watched or thing.key in self.files:
                continue
            if thing.hits >= (1 if self._seldom else 2):
                before = self._first
                first = before if before and before.time >= thing.first_seen else frame
                file = self.evidence.keep_candidate(first.image, first.time)
                if file:  # else the disk refuses it, and the next look tries again
                    self.files[thing.key] = file
        for file in set(dropped.values()) - set(self.files.values()):
            self.evidence.drop_candidate(file)
        # Only while something has been seen once: a thousand cameras' last pictures are gigabytes.
        waits = [thing for thing in objects if thing.hits < 2 and thing.key in watched]
        if self._seldom or not waits:
            self._first = None
        elif any(thing.first_seen == frame.time for thing in waits):
            self._first = frame  # a later one may show the place without it, or nothing

    def pictures(
        self, change: Change, frame: Frame, candidates: Sequence[Candidate]
    ) -> tuple[EvidenceFile, ...]:
        """The pictures of an incident's change; `frame` shows it."""
        event, incident = change
        if event == "cleared":
            return self.evidence.cleared(incident, frame)
        if event == "updated":
            return self.evidence.updated(incident, frame)
        own = (c.key for c in candidates if c.incident and c.incident.id == incident.id)
        first = next((self.files.get(key) for key in own), None)
        return self.evidence.opened(incident, frame, first)
