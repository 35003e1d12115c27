"""Turns a watch's filings into cases: one transaction for cases, outbox and the watch's state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cv.cases.adopting import Watched
from cv.cases.case import Case, EvidenceItem, MaskCounts, ModelInfo, case_from_incident, local
from cv.cases.nearby import Sighting
from cv.cases.review import judged
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.detect.detector import ModelInfo as LoadedModel
from cv.detect.evidence import EvidenceFile
from cv.detect.incident import Incident
from cv.detect.look import Filing
from cv.detect.main_stream import MainStream, fetch_slots
from cv.detect.run import Job, Options
from cv.detect.watch import CameraWatch
from cv.errors import StoreError
from cv.labels import ZoneKind
from cv.site import Camera, Site, Zone

__all__ = ["CaseRecorder", "watches"]

logger = logging.getLogger(__name__)


class CaseRecorder:
    """The record of one camera.

    Args:
        stream: "live" or "recording": which line of time the watch's state belongs to.
    """

    def __init__(
        self, store: CaseStore, site: Site, camera: Camera, stream: str, model: LoadedModel
    ) -> None:
        self._store = store
        self._site = site
        self._camera = camera
        self._stream = stream
        self._thresholds = model.thresholds
        self._model = ModelInfo(name=model.name, version=model.version, sha256=model.sha256)

    def load(self) -> str | None:
        return self._store.load_state(self._camera.id, self._stream)

    def known(self, incident: Incident) -> str | None:
        """The id of the case that this is: filed for it before, or reported by citizens.

        While the database is away nobody knows, and it becomes a case of its own: what stands
        there only as long as the outage lasts must not be missed.
        """
        try:
            return self._known(incident)
        except StoreError as error:
            logger.warning(
                "%s: opened without asking for earlier cases: %s", incident.camera, error
            )
            return None

    def is_filed(self, incident_id: str) -> bool:
        """Whether the store has its case; while the database is away, it may have."""
        try:
            return self._store.find(incident_id) is not None
        except StoreError:
            return True

    def _known(self, incident: Incident) -> str | None:
        watched = Watched(
            camera=incident.camera,
            zone=incident.zone,
            matter=incident.matter,
            box=incident.box,
            first_seen=incident.first_seen,
            last_seen=incident.last_seen,
        )
        same = self._store.same_case(watched)
        lon, lat = self._camera.lon, self._camera.lat
        if same is not None or lon is None or lat is None:
            return same
        seen = Sighting(lon, lat, incident.first_seen, incident.last_seen)
        return self._store.reported_case(seen, incident.matter, self._site.photos)

    def record(self, filings: Sequence[Filing], state: str) -> None:
        """All of it or nothing, on the disk when this returns."""
        now, reporting = datetime.now(UTC), self._site.reporting
        self._store.commit_look(
            camera=self._camera.id,
            stream=self._stream,
            filings=[case for filing in filings if (case := self._case(filing, now))],
            state=state,
            targets=reporting.targets,
            now=now,
            hold=reporting.review_first,
            never=reporting.never,
            within=self._site.photos,
            beside={other for filing in filings for other in filing.beside},
        )

    def _case(self, filing: Filing, now: datetime) -> Case | None:
        """None for what ends in a zone that there is no more, and was never filed."""
        change = filing.change
        zone = self._zone(change.incident)
        if zone is None:
            return None
        case = case_from_incident(
            change.incident,
            site=self._site,
            camera=self._camera,
            zone=zone,
            evidence=[_item(file, self._site.tz) for file in filing.evidence],
            model=self._model,
            reported=now,
            event=change.event,
            threshold=self._thresholds.get(change.incident.label),
        )
        return judged(case, self._site.reporting)

    def _zone(self, incident: Incident) -> Zone | None:
        """The zone of an incident; as it was filed, if the site file has it no more."""
        for zone in self._camera.zones:
            if zone.id == incident.zone and zone.kind is not ZoneKind.IGNORE:
                return zone
        stored = self._store.find(incident.id)
        roi = stored.case.detections[0].roi if stored and stored.case.detections else None
        return Zone(roi.id, roi.name, ZoneKind(roi.type), ()) if roi else None


def watches(
    store: CaseStore, site: Site, detector: Detector, options: Options, *, refresh_s: float
) -> Callable[[Camera, Job], CameraWatch]:
    """What makes the watch of a job's camera that files its cases in the store.

    Args:
        refresh_s: as for a watch.
    """
    slots = fetch_slots()

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(
            site,
            camera,
            detector,
            CaseRecorder(store, site, camera, job.line_of_time, detector.info),
            every_s=options.every_for(camera) or 1.0,
            # Who asks for every frame wants every frame analysed.
            refresh_s=0.0 if options.all_frames else refresh_s,
            main=MainStream(job.main, slots) if job.main else None,
        )

    return watch_of


def _item(file: EvidenceFile, tz: ZoneInfo) -> EvidenceItem:
    return EvidenceItem(
        id=file.id,
        role=file.role,
        taken=local(file.taken, tz),
        file=file.file,
        sha256=file.sha256,
        mime=file.mime,
        w=file.width,
        h=file.height,
        masked=file.masked,
        mask_counts=MaskCounts(heads=file.counts.heads, plates=file.counts.plates),
        withheld=None if file.file else "not stored",
    )
