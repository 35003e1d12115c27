"""One camera under watch: a frame in, incident changes recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from shapely import Polygon

from cv.detect.detector import Detection, Detector
from cv.detect.evidence import EvidenceFile, EvidenceFolder
from cv.detect.frames import Frame
from cv.detect.incident import Candidate, Change, Incident
from cv.detect.masking import MaskCounts, mask
from cv.detect.rules import IncidentRules
from cv.detect.state import FORMAT, WatchState, dump_state, parse_state
from cv.detect.still import StillObject, StillObjects
from cv.detect.view import View, zones_mark
from cv.detect.zones import footprint
from cv.geometry import Image, overlap, pixel_polygon
from cv.labels import ZoneKind
from cv.site import Camera, Site

__all__ = ["EASE", "CameraWatch", "Filing", "Look", "Recorder"]

EASE = 0.6
"""Boxes down to this share of a label's threshold keep an object alive (hysteresis)."""
_IGNORED_FROM = 0.5
_SAVE_EVERY = timedelta(seconds=10)
_PURGE_EVERY = timedelta(hours=1)
_GAP_LOOKS = 3
_GAP_S = 30.0


class Filing(NamedTuple):
    """An incident's change with its pictures: what becomes, or updates, a case."""

    change: Change
    evidence: tuple[EvidenceFile, ...]


class Recorder(Protocol):
    """Where filings go; `record` is one transaction, done when it returns."""

    def known(self, incident: Incident) -> str | None: ...

    def load(self) -> str | None: ...

    def record(self, filings: Sequence[Filing], state: str, time: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw and changed.

    Attributes:
        open: the incidents open after it.
        moved: the camera shows another view than its zones were drawn on; they are suspended.
    """

    frame: Frame
    detections: list[Detection]
    filings: list[Filing]
    open: list[Incident]
    moved: bool = False


class CameraWatch:
    """The way of one camera's frames: detector, still objects, rules, evidence, record.

    Not for several threads at once; the detector and recorder may be shared.

    Args:
        every_s: usual time between looks.
    """

    def __init__(
        self, site: Site, camera: Camera, detector: Detector, recorder: Recorder, *, every_s: float
    ) -> None:
        self._camera = camera
        self._detector = detector
        self._recorder = recorder
        privacy = site.privacy

        def hide(image: Image) -> MaskCounts:
            return mask(image, detector, heads=privacy.heads, plates=privacy.plates)

        self._evidence = EvidenceFolder(site, camera, hide)
        self._still = StillObjects(detector.thresholds)
        self._rules = IncidentRules(
            camera.id,
            camera.zones,
            site.rule,
            zone_time=site.tz,
            longest_gap_s=max(_GAP_S, _GAP_LOOKS * every_s),
            update_every_s=site.reporting.update_every_s,
            known=recorder.known,
        )
        self._view = View()
        self._zones = zones_mark(camera)
        self._ignored: dict[tuple[int, int], list[Polygon]] = {}
        self._first_frames: dict[int, str] = {}
        self._previous: Frame | None = None
        self._saved: datetime | None = None
        self._purged: datetime | None = None

    def look(self, frame: Frame) -> Look:
        """Analyse one frame, later than the one before, and record what it changed."""
        size = (frame.image.shape[1], frame.image.shape[0])
        if self._previous is None:
            self._resume(frame, size)
        elif self._previous.image.shape != frame.image.shape:
            self._restore(self._state(self._previous).resized(size))
        detections = self._visible(self._detector.detect(frame.image, ease=EASE), size)
        changes: list[Change] = []
        # Another view is as good as no look: it neither opens nor clears anything.
        if self._view.look(frame.image):
            self._still.look(detections, frame.time, size, self._rules.is_open)
            changes = self._rules.look(self._still.objects, frame.time, size)
        filings = [Filing(change, self._pictures(change, frame)) for change in changes]
        self._keep_first_frames(frame)
        if filings or self._saved is None or frame.time - self._saved >= _SAVE_EVERY:
            self._recorder.record(filings, dump_state(self._state(frame)), frame.time)
            self._saved = frame.time
        self._purge(frame.time)
        self._previous = frame
        return Look(frame, detections, filings, self.open_incidents, self._view.moved)

    @property
    def open_incidents(self) -> list[Incident]:
        return [c.incident for c in self._rules.candidates.values() if c.incident]

    @property
    def objects(self) -> list[StillObject]:
        return self._still.objects

    def close(self) -> None:
        """Save what is known, for the next run."""
        if self._previous is not None:
            state = dump_state(self._state(self._previous))
            self._recorder.record([], state, self._previous.time)

    def _resume(self, frame: Frame, size: tuple[int, int]) -> None:
        """Go on from an earlier run, unless this input lies before its end: then it is a re-run."""
        saved = self._recorder.load()
        state = parse_state(saved) if saved else None
        if state is not None and state.last_look < frame.time:
            self._restore(state.resized(size))

    def _restore(self, state: WatchState) -> None:
        self._still.restore(state.objects, state.next_key)
        self._rules.restore(state.candidates, state.issued, state.last_look)
        self._first_frames = dict(state.first_frames)
        if state.zones == self._zones:  # else they were drawn anew, on the view there is now
            self._view.restore(state.view)

    def _state(self, frame: Frame) -> WatchState:
        candidates: list[Candidate] = list(self._rules.candidates.values())
        return WatchState(
            format=FORMAT,
            last_look=frame.time,
            size=(frame.image.shape[1], frame.image.shape[0]),
            next_key=self._still.next_key,
            objects=self._still.objects,
            candidates=candidates,
            issued=self._rules.issued,
            first_frames=self._first_frames,
            view=self._view.dump(),
            zones=self._zones,
        )

    def _visible(self, detections: list[Detection], size: tuple[int, int]) -> list[Detection]:
        """Without what stands in an `ignore` zone."""
        if size not in self._ignored:
            self._ignored[size] = [
                pixel_polygon(zone.polygon, *size)
                for zone in self._camera.zones
                if zone.kind is ZoneKind.IGNORE
            ]
        return [
            d
            for d in detections
            if all(overlap(footprint(d.box), p) < _IGNORED_FROM for p in self._ignored[size])
        ]

    def _keep_first_frames(self, frame: Frame) -> None:
        """Keep the first frame of what was seen twice, and drop those of what has moved on.

        Waiting for the second sighting spares a file for every passing car.
        """
        watched = {c.key for c in self._rules.candidates.values() if c.incident is None}
        dropped = {k: f for k, f in self._first_frames.items() if k not in watched}
        self._first_frames = {k: f for k, f in self._first_frames.items() if k in watched}
        for thing in self._still.objects:
            if thing.key not in watched or thing.key in self._first_frames or thing.hits < 2:
                continue
            before = self._previous
            first = before if before and before.time >= thing.first_seen else frame
            self._first_frames[thing.key] = self._evidence.keep_candidate(first.image, first.time)
        for file in set(dropped.values()) - set(self._first_frames.values()):
            self._evidence.drop_candidate(file)

    def _pictures(self, change: Change, frame: Frame) -> tuple[EvidenceFile, ...]:
        event, incident = change
        if event == "cleared":
            return self._evidence.cleared(incident, frame.image)
        if event == "updated":
            return self._evidence.updated(incident, frame.image)
        first = next(
            (
                self._first_frames.get(c.key)
                for c in self._rules.candidates.values()
                if c.incident and c.incident.id == incident.id
            ),
            None,
        )
        return self._evidence.opened(incident, frame.image, first)

    def _purge(self, time: datetime) -> None:
        if self._purged is None or time - self._purged >= _PURGE_EVERY:
            self._evidence.purge(datetime.now(UTC))
            self._purged = time
