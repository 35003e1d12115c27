"""Runs what `kerbwatch detect` runs, set up as it does, without its terminal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.codes import edition
from cv.detect.batch import Batch
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, SourceKind
from cv.detect.look import Filing, Look
from cv.detect.photo import Photo
from cv.detect.run import Job, Options, Progress
from cv.detect.watch import CameraWatch
from cv.errors import KerbwatchError
from cv.labels import ZoneKind
from cv.site import Camera, Privacy, Reporting, Site, Zone

__all__ = ["Counter", "bench_site", "load_detector", "watch_recording"]


class Counter:
    """A listener that counts, and lets nothing fail quietly."""

    def __init__(self) -> None:
        self.looks = 0
        self.photos = 0

    def started(self, job: Job, progress: Progress) -> None: ...

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self.looks += 1

    def changed(self, job: Job, filing: Filing) -> None: ...

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
        self.photos += 1

    def skipped(self, job: Job) -> None: ...

    def failed(self, job: Job, error: KerbwatchError) -> None:
        raise error

    def ended(self, job: Job, progress: Progress) -> None: ...


def load_detector(
    model: Path | None = None, *, backend: str = "auto", threads: int | None = None
) -> Detector:
    """As `kerbwatch detect` loads it: set up for many pictures in a row."""
    return Detector(model, backend=backend, threads=threads, side_by_side=True)


def bench_site(data: Path) -> Site:
    """One camera whose whole view is one lane, so that every car is the rules' business."""
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    camera = Camera("bench", "Bench", zones=(Zone("lane", "Lane", ZoneKind.LANE, whole),))
    return Site(
        name="Bench",
        division="421002",
        tz=ZoneInfo("Asia/Shanghai"),
        codes=edition("GB/T 47678.5-2026"),
        cameras=(camera,),
        reporting=Reporting(data=data),
        privacy=Privacy(),
    )


def watch_recording(
    clip: Path, detector: Detector, *, every_s: float | None, data: Path | None = None
) -> int:
    """Looks made over a whole recording.

    Args:
        data: folder for cases; with it a camera with a zone is watched, incidents and evidence
            and all, without it objects are only found.
    """
    counter = Counter()
    source = Source(SourceKind.RECORDING, clip)
    options = Options(every_s=every_s, all_frames=every_s is None)
    if data is None:
        jobs = [Job(source, None)]
        Batch(detector, _no_watch, options, counter, threading.Event()).run(jobs)
        return counter.looks
    site = bench_site(data)
    with CaseStore(data / "cases.sqlite") as store:
        watch_of = watches(store, site, detector, options, refresh_s=0.0)
        jobs = [Job(source, site.cameras[0])]
        Batch(detector, watch_of, options, counter, threading.Event()).run(jobs)
    return counter.looks


def _no_watch(camera: Camera, _: Job) -> CameraWatch:
    raise AssertionError(f"{camera.id}: no camera was given")
