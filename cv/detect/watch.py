"""One camera under watch: a frame in, incident changes recorded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from cv.detect.change import ChangeGate
from cv.detect.closer import detect_closer, parts
from cv.detect.detector import Detection, Detector
from cv.detect.evidence import EvidenceFolder
from cv.detect.first_frames import FirstFrames
from cv.detect.frames import Frame
from cv.detect.ignored import IgnoreZones
from cv.detect.incident import Change, Incident
from cv.detect.letterbox import input_shape
from cv.detect.look import Begun, CatchUp, Detect, Done, Filing, Look, nothing_begun
from cv.detect.main_stream import AHEAD_S, MainStream
from cv.detect.masking import MaskCounts, mask
from cv.detect.picture import Picture
from cv.detect.rules import IncidentRules
from cv.detect.state import FORMAT, WatchState, dump_state, parse_state
from cv.detect.still import StillObject, StillObjects
from cv.detect.view import Shown, View, is_look, zones_mark
from cv.disk import DiskSpace
from cv.geometry import Image
from cv.labels import ZoneKind
from cv.site import Camera, Site

__all__ = ["EASE", "CameraWatch", "Recorder"]

logger = logging.getLogger(__name__)

EASE = 0.6
"""Boxes down to this share of a label's threshold keep an object alive (hysteresis)."""
_SAVE_EVERY = timedelta(seconds=10)
_GAP_LOOKS = 3
_GAP_S = 30.0
_SELDOM_S = 60.0


class Recorder(Protocol):
    """Where filings go; `record` is one transaction, done when it returns."""

    def known(self, incident: Incident) -> str | None: ...

    def is_filed(self, incident_id: str) -> bool: ...

    def load(self) -> str | None: ...

    def record(self, filings: Sequence[Filing], state: str) -> None: ...


class CameraWatch:
    """The way of one camera's frames: detector, still objects, rules, evidence, record.

    A look has two halves, so that one frame can be analysed while the next one is decoded: `begin`
    for each frame in turn, `finish` for each in the same order. Not for several threads at once;
    the detector and recorder may be shared.

    Args:
        every_s: usual time between looks.
        refresh_s: detections hold for at most this long while nothing changes; 0 analyses all.
        space: of the data folder; by default the camera measures by itself.
        main: gives the pictures of cases where the frames are a sub-stream's.
    """

    def __init__(
        self,
        site: Site,
        camera: Camera,
        detector: Detector,
        recorder: Recorder,
        *,
        every_s: float,
        refresh_s: float = 0.0,
        space: DiskSpace | None = None,
        main: MainStream | None = None,
    ) -> None:
        self._camera = camera
        self._detector = detector
        self._recorder = recorder
        privacy = site.privacy

        def hide(image: Image) -> MaskCounts:
            return mask(image, detector, heads=privacy.heads, plates=privacy.plates)

        space = space or DiskSpace(site.reporting.data, site.disk)
        evidence = EvidenceFolder(site, camera, hide, space, recorder.is_filed)
        self._main = main
        self._every_s = every_s
        self._firsts = FirstFrames(evidence, seldom=every_s >= _SELDOM_S)
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
        self._gate = ChangeGate(
            [zone.polygon for zone in camera.zones if zone.kind is not ZoneKind.IGNORE],
            refresh_s=refresh_s,
        )
        self._ignored = IgnoreZones(camera.zones)
        self._begun, self._shown = False, Shown.NOTHING
        self._detections: list[Detection] = []
        self._last: tuple[datetime, tuple[int, int]] | None = None
        self._saved: datetime | None = None
        self._unrecorded: list[Filing] = []

    def look(self, frame: Frame) -> Look:
        """Analyse one frame and record what it changed."""
        return self.finish(self.begin(frame, lambda picture: Done(self.detect(picture))))

    def detect(self, picture: Picture) -> list[Detection]:
        """What the detector sees; may run in any thread."""
        regions = parts((z.polygon for z in self._camera.zones if z.closer), picture.size)
        return detect_closer(self._detector, picture, regions, ease=EASE)

    def begin(self, frame: Frame, detect: Detect, catch_up: CatchUp = nothing_begun) -> Begun:
        """Take in a frame, taken after the one before.

        Whether an unchanged view need not be analysed depends on what came of all looks before.
        """
        size = frame.picture.size
        if not self._begun:
            # In this order: while the store is away, each look tries to go on from there.
            self._resume(frame, size)
            self._begun = True
        picture = frame.picture.fitted(input_shape(*size)).inside

        def decided() -> bool:
            catch_up()
            return self._decided(size)

        if not self._gate.look(picture, frame.time, decided=decided):
            return Begun(frame, None, self._shown)
        self._shown = self._view.look(picture, frame.time)
        return Begun(frame, detect(frame.picture), self._shown)

    def finish(self, begun: Begun) -> Look:
        """Bring a look to its end, and record what it changed.

        Raises:
            KerbwatchError: it could not be recorded. Nothing is lost: the next look, or `close`,
                records it as well.
        """
        frame, found, shown = begun
        size = frame.picture.size
        if self._last and self._last[1] != size:
            self._restore(self._state(*self._last).resized(size))
        if self._last and self._last[0] > frame.time:
            self._restore(self._set_back(self._state(self._last[0], size), frame.time))
            self._saved = None
        if found:
            self._detections = self._ignored.visible(found.result(), size)
        changes: list[Change] = []
        beside = frozenset(self._rules.issued)
        # Another view, or none, is as good as no look: it neither opens nor clears anything.
        here = is_look(shown, self._detections, self._detector.thresholds)
        if here:
            self._still.look(self._detections, frame.time, size, self._rules.is_open)
            changes = self._rules.look(self._still.objects, frame.time, size)
        if self._main:
            ahead_s = AHEAD_S + self._every_s
            self._main.look(frame.time, self._rules.foreseen(frame.time, ahead_s) if here else None)
        candidates = list(self._rules.candidates.values())
        beside |= frozenset(self._rules.issued)  # what opens now may forget what ended long ago
        self._unrecorded += [
            Filing(c, self._firsts.pictures(c, self._best(c, frame), candidates), beside)
            for c in changes
        ]
        self._firsts.keep(self._still.objects, candidates, frame)
        self._last = frame.time, size
        filings = list(self._unrecorded)
        if filings or self._saved is None or frame.time - self._saved >= _SAVE_EVERY:
            self._record()
            self._saved = frame.time
        return Look(
            frame,
            self._detections,
            filings,
            self.open_incidents,
            fault=self._view.fault,
            unchanged=found is None,
            is_still=found is None and self._may_wait(frame.time, size),
        )

    def _may_wait(self, now: datetime, size: tuple[int, int]) -> bool:
        """Whether the next look but one would come in time, if nothing changes.

        What stands before an incident clears it after a while. It may have been seen a look late
        already, and must not be looked at late a second time.
        """
        after_next = now + timedelta(seconds=2 * self._every_s)
        return self._gate.holds(after_next) and self._decided(size) and not self._rules.is_hidden

    def _set_back(self, state: WatchState, now: datetime) -> WatchState:
        """The clock was set back: what stands there has stood as long as before."""
        logger.warning("%s: the clock was set back by %s", self._camera.id, state.last_look - now)
        before = now - timedelta(seconds=self._every_s)
        return state.shifted(before - state.last_look)

    def _best(self, change: Change, frame: Frame) -> Frame:
        """What shows a change best: the main stream's picture, if one was taken since it holds."""
        if self._main is None:
            return frame
        event, incident = change
        since = incident.last_seen if event == "cleared" else incident.first_seen
        return self._main.frame(since) or frame

    @property
    def open_incidents(self) -> list[Incident]:
        return [c.incident for c in self._rules.candidates.values() if c.incident]

    @property
    def objects(self) -> list[StillObject]:
        return self._still.objects

    @property
    def recorded_until(self) -> datetime | None:
        """Time of the last look that an earlier run recorded."""
        return self._earlier.last_look if self._earlier else None

    def close(self) -> Sequence[Filing]:
        """Save what is known, for the next run; gives what no look could record before."""
        if self._main:
            self._main.close()
        if self._last is None:
            return ()
        late = self._unrecorded
        self._record()
        return late

    def _record(self) -> None:
        assert self._last is not None
        self._recorder.record(self._unrecorded, dump_state(self._state(*self._last)))
        self._unrecorded = []

    def _decided(self, size: tuple[int, int]) -> bool:
        """Whether nothing waits for another look: what stands in zones is an incident or no matter.

        A weak detection waits as well: in the next picture it may be strong enough to count. And
        a picture of another size needs boxes in its own pixels.
        """
        if self._last and self._last[1] != size:
            return False
        if self._rules.is_undecided:
            return False
        thresholds = self._detector.thresholds
        return not any(
            d.score < thresholds[d.label] and self._rules.may_matter(d.label, d.box, size)
            for d in self._detections
        )

    def _resume(self, frame: Frame, size: tuple[int, int]) -> None:
        """Go on from an earlier run; a recording that lies before its end is a re-run."""
        state = self._earlier
        if state is None:
            return
        if state.last_look >= frame.time:
            if not frame.is_live:
                return
            state = self._set_back(state, frame.time)
        state = state.resized(size)
        self._restore(state)
        # No picture shows that it is over.
        over = self._rules.given_up(state.candidates, frame.time)
        self._unrecorded += [Filing(change, ()) for change in over]

    @cached_property
    def _earlier(self) -> WatchState | None:
        """What an earlier run has left."""
        saved = self._recorder.load()
        return parse_state(saved) if saved else None

    def _restore(self, state: WatchState) -> None:
        self._still.restore(state.objects, state.next_key)
        self._rules.restore(state.candidates, state.issued, state.last_look)
        self._firsts.files = dict(state.first_frames)
        if state.zones == self._zones:  # else they were drawn anew, on the view there is now
            self._view.restore(state.view, moved=state.moved)

    def _state(self, last_look: datetime, size: tuple[int, int]) -> WatchState:
        return WatchState(
            format=FORMAT,
            last_look=last_look,
            size=size,
            next_key=self._still.next_key,
            objects=self._still.objects,
            candidates=list(self._rules.candidates.values()),
            issued=self._rules.issued,
            first_frames=self._firsts.files,
            view=self._view.dump(),
            moved=self._view.moved,
            zones=self._zones,
        )
