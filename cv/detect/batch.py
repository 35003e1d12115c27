"""Many videos in one run: recordings one after another, streams side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from time import monotonic
from typing import Protocol

from cv.detect.detector import Detection, Detector
from cv.detect.frames import (
    Frame,
    Recording,
    Source,
    SourceKind,
    SourceStats,
    Stream,
    open_recording,
    open_stream,
)
from cv.detect.photo import Photo
from cv.detect.resume import Resume
from cv.detect.watch import CameraWatch, Filing, Look
from cv.errors import KerbwatchError, SourceError
from cv.site import Camera

__all__ = ["Batch", "Job", "Listener", "Options", "Progress"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to look.

    Attributes:
        every_s: seconds between looks; None is every frame.
        start: when recordings begin, if known better than by the file.
        for_s: end streams after this many seconds; None is until stopped.
        tz: the zone of times in file names.
    """

    every_s: float | None = 1.0
    keyframes: bool = False
    start: datetime | None = None
    for_s: float | None = None
    tz: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Job:
    """A source and the camera that took it; without one there are no zones, so no incidents."""

    source: Source
    camera: Camera | None


@dataclass(slots=True)
class Progress:
    """How far one source is; `media_s` and `duration_s` in seconds of media time."""

    name: str
    stats: SourceStats
    duration_s: float | None = None
    media_s: float = 0.0
    incidents: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)


class Listener(Protocol):
    """Is told what happens, one call at a time."""

    def started(self, job: Job, progress: Progress) -> None: ...

    def looked(self, job: Job, progress: Progress, look: Look) -> None: ...

    def changed(self, job: Job, filing: Filing) -> None: ...

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None: ...

    def skipped(self, job: Job) -> None: ...

    def failed(self, job: Job, error: KerbwatchError) -> None: ...

    def ended(self, job: Job, progress: Progress) -> None: ...


class Batch:
    """Runs jobs; one that fails is reported and never stops the others.

    Args:
        watch_of: makes the watch of a camera for a line of time ("live", "recording", "http").
        stop: set it to end early; what was looked at is recorded.
        resume: knows which recordings an earlier run has done, and is told of those done now.
    """

    def __init__(
        self,
        detector: Detector,
        watch_of: Callable[[Camera, str], CameraWatch],
        options: Options,
        listener: Listener,
        stop: threading.Event,
        *,
        resume: Resume | None = None,
    ) -> None:
        self._detector = detector
        self._resume = resume
        self._watch_of = watch_of
        self._options = options
        self._listener = listener
        self._stop = stop
        self._telling = threading.Lock()

    def run(self, jobs: Sequence[Job]) -> None:
        """Work through all jobs; returns when recordings have ended and streams were stopped."""
        streams = [job for job in jobs if job.source.kind is SourceKind.STREAM]
        files = [job for job in jobs if job.source.kind is not SourceKind.STREAM]
        with ThreadPoolExecutor(max(1, len(streams)), thread_name_prefix="stream") as pool:
            timer = self._timer(bool(streams))
            futures = [pool.submit(self._guarded, job) for job in streams]
            try:
                for job in files:
                    if not self._stop.is_set():
                        self._guarded(job)
                wait(futures)
            except BaseException:
                self._stop.set()
                raise
            finally:
                if timer:
                    timer.cancel()
            for future in futures:
                future.result()

    def _timer(self, needed: bool) -> threading.Timer | None:
        if not needed or self._options.for_s is None:
            return None
        timer = threading.Timer(self._options.for_s, self._stop.set)
        timer.daemon = True
        timer.start()
        return timer

    def _guarded(self, job: Job) -> None:
        try:
            if self._resume and self._resume.is_done(job.source, job.camera):
                with self._telling:
                    self._listener.skipped(job)
            else:
                self._watch(job)
        except KerbwatchError as error:
            with self._telling:
                self._listener.failed(job, error)

    def _watch(self, job: Job) -> None:
        camera = job.camera
        watch = self._watch_of(camera, _line_of_time(job.source)) if camera else None
        frames = self._open(job.source)
        with frames:
            progress = Progress(job.source.name, frames.stats, frames.duration_s)
            with self._telling:
                self._listener.started(job, progress)
            known = self._known(job, watch, frames)
            try:
                for frame in frames:
                    if known is None or frame.time > known:
                        self._look(job, watch, frame, progress)
                    if self._stop.is_set():
                        break
            finally:
                if watch:
                    watch.close()
                with self._telling:
                    self._listener.ended(job, progress)
            if progress.stats.looks == 0:
                raise SourceError(f"{job.source.name}: gave no picture")
            if self._resume and not self._stop.is_set():
                self._resume.end(job.source, progress.incidents, progress.labels)

    def _known(
        self, job: Job, watch: CameraWatch | None, frames: Recording | Stream
    ) -> datetime | None:
        """Until when a killed run has looked at this very recording."""
        if self._resume is None:
            return None
        return self._resume.begin(job.source, job.camera, frames, watch)

    def _open(self, source: Source) -> Recording | Stream:
        options = self._options
        if source.kind is SourceKind.STREAM:
            return open_stream(
                source,
                every_s=options.every_s,
                keyframes=options.keyframes,
                stop=self._stop,
                tz=options.tz,
            )
        return open_recording(
            source,
            every_s=options.every_s,
            keyframes=options.keyframes,
            start=options.start,
            tz=options.tz,
        )

    def _look(self, job: Job, watch: CameraWatch | None, frame: Frame, progress: Progress) -> None:
        if watch:
            look = watch.look(frame)
        else:
            look = Look(frame, self._detector.detect(frame.image), [], [])
        progress.media_s = frame.media_s
        for detection in look.detections:
            progress.labels[detection.label] = progress.labels.get(detection.label, 0) + 1
        with self._telling:
            for filing in look.filings:
                progress.incidents += filing.change.event == "new"
                self._listener.changed(job, filing)
            self._listener.looked(job, progress, look)


def _line_of_time(source: Source) -> str:
    """Wall and media time of one camera must not mix; an http address may be either."""
    if source.kind is SourceKind.RECORDING:
        return "recording"
    return "live" if source.name.startswith("rtsp") else "http"
