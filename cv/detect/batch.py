"""Many videos in one run: recordings one after another, streams side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from cv.detect.camera_locks import CameraLocks, WatchedError, unclaimed
from cv.detect.detector import Detector
from cv.detect.frames import (
    Frame,
    Recording,
    SourceKind,
    Stream,
    open_recording,
    open_stream,
)
from cv.detect.glance import Glance, Watching
from cv.detect.look import Filing, Look
from cv.detect.patrol import Beat, Patrol
from cv.detect.resume import Resume
from cv.detect.run import Job, Listener, Options, Progress
from cv.detect.segments import Segments
from cv.detect.side_by_side import side_by_side
from cv.detect.trouble import Trouble
from cv.detect.turns import Turns
from cv.detect.watch import CameraWatch
from cv.errors import KerbwatchError, SourceError
from cv.site import Camera

__all__ = ["Batch"]


class Batch:
    """Runs jobs; one that fails is reported and never stops the others.

    Args:
        watch_of: makes the watch of a job's camera.
        stop: set it to end early; what was looked at is recorded.
        resume: knows which recordings an earlier run has done, and is told of those done now.
        locks: of cameras: one that another process watches waits until that one ends.

    Attributes:
        left: recordings that were not watched to their end when the run was stopped.
    """

    def __init__(
        self,
        detector: Detector,
        watch_of: Callable[[Camera, Job], CameraWatch],
        options: Options,
        listener: Listener,
        stop: threading.Event,
        *,
        resume: Resume | None = None,
        locks: CameraLocks | None = None,
    ) -> None:
        self._detector = detector
        self._resume = resume
        self._locks = locks
        self._watch_of = watch_of
        self._options = options
        self._listener = listener
        self._stop = stop
        self._turns = Turns(detector.streams)
        self._segments = Segments()
        self.left = 0
        self._telling = threading.Lock()

    def run(self, jobs: Sequence[Job]) -> None:
        """Work through all jobs; returns when recordings have ended and streams were stopped."""
        streams = [job for job in jobs if job.source.kind is SourceKind.STREAM]
        if self._stop.is_set():
            streams = []
        files = [job for job in jobs if job.source.kind is not SourceKind.STREAM]
        with ThreadPoolExecutor(max(1, len(streams)), thread_name_prefix="stream") as pool:
            timer = self._timer(bool(streams))
            futures: list[Future[None]]
            if streams and self._options.patrol:
                futures = [pool.submit(self._patrol, streams)]
            else:
                futures = [pool.submit(self._guarded, job) for job in streams]
            try:
                for job in files:
                    if not self._stop.is_set():
                        self._guarded(job)
                    with self._telling:
                        self.left += self._stop.is_set()
                # A bug in one watch ends the run, so that it shows.
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:
                self._stop.set()
                raise
            finally:
                if timer:
                    timer.cancel()

    def _patrol(self, jobs: Sequence[Job]) -> None:
        """Visit streams in turn until stopped."""
        with ExitStack() as stack:
            beats = [self._beat(job, stack) for job in jobs]
            Patrol(self._turns, self._stop).run(beats)

    def _beat(self, job: Job, stack: ExitStack) -> Beat:
        watch = self._watch(job)
        progress = Progress(job.source.name, job.source.stats)
        with self._telling:
            self._listener.started(job, progress)
        stack.callback(self._end_visits, job, watch, progress)
        trouble = self._trouble(job)

        def look(frame: Frame) -> None:
            seen = trouble.look(watch, frame)
            if seen:
                self._tell(job, seen, progress)

        return Beat(job.source, self._options.every_for(job.camera), look, self._claim(job))

    def _end_visits(self, job: Job, watch: Watching, progress: Progress) -> None:
        try:
            self._end(job, watch, progress)
            if progress.stats.looks == 0:
                raise self._no_picture(job)
        except KerbwatchError as error:  # the others have their ends, too
            with self._telling:
                self._listener.failed(job, error)

    def _end(self, job: Job, watch: Watching, progress: Progress) -> None:
        try:
            recorded = watch.close()
            with self._telling:
                self._tell_changes(job, recorded, progress)
        finally:
            with self._telling:
                self._listener.ended(job, progress)

    def _trouble(self, job: Job) -> Trouble:
        def tell(error: KerbwatchError) -> None:
            with self._telling:
                self._listener.failed(job, error)

        return Trouble(job.source.name, tell)

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
                self._pass_over(job)
            else:
                self._play(job)
        except KerbwatchError as error:
            with self._telling:
                self._listener.failed(job, error)

    def _pass_over(self, job: Job) -> None:
        """The next one may begin where a recording ends that was done before."""
        if job.camera:
            with self._open(job) as frames:
                if isinstance(frames, Recording):
                    self._segments.place(job.camera.id, frames)
                    self._segments.passed(job.camera.id, frames)
        with self._telling:
            self._listener.skipped(job)

    def _watch(self, job: Job) -> Watching:
        if job.camera is None:
            return Glance(self._detector)
        return self._watch_of(job.camera, job)

    def _play(self, job: Job) -> None:
        watch = self._watch(job)
        frames = self._open(job)
        with frames:
            if isinstance(frames, Recording) and job.camera:
                self._segments.place(job.camera.id, frames)
                frames.say_if_guessed()
            progress = Progress(job.source.name, frames.stats, frames.duration_s)
            with self._telling:
                self._listener.started(job, progress)
            known = self._known(job, watch, frames)
            try:
                for look in self._looks(job, watch, frames, known):
                    if self._resume:
                        self._resume.looked(job.source)
                    self._tell(job, look, progress)
                    if self._stop.is_set():
                        break
                    del look  # or its picture stays in memory until the next one comes
            finally:
                if isinstance(frames, Recording) and job.camera:
                    self._segments.passed(job.camera.id, frames, progress.media_s)
                self._end(job, watch, progress)
            if progress.stats.looks == 0:
                raise self._no_picture(job)
            if self._stop.is_set():
                with self._telling:  # `run` counts files: it knows those that were never begun, too
                    self.left += isinstance(frames, Stream) and frames.duration_s is not None
            elif self._resume:
                self._resume.end(job.source, progress.incidents, progress.labels)

    def _known(self, job: Job, watch: Watching, frames: Recording | Stream) -> datetime | None:
        """Until when a killed run has looked at this very recording, or the one before shows it."""
        if isinstance(frames, Stream):
            return None  # what a stream's watch goes on from may change until its first frame
        recorded, known = watch.recorded_until, None
        if self._resume:
            known = self._resume.begin(job.source, job.camera, frames, recorded)
        if known is None and job.camera:
            known = self._segments.seen(job.camera.id, frames, recorded)
        return known

    def _looks(
        self, job: Job, watch: Watching, frames: Recording | Stream, known: datetime | None
    ) -> Iterator[Look]:
        """A stream's looks have a turn each; a recording's are analysed side by side, in order."""
        if isinstance(frames, Stream):
            trouble = self._trouble(job)
            for frame in frames:
                look = trouble.look(watch, frame)
                frames.looked(is_still=look is not None and look.is_still)
                if look:
                    yield look
                del frame, look  # as in `_play`
        else:
            yield from side_by_side(self._unseen(frames, known), watch, self._turns)

    def _unseen(self, frames: Recording, known: datetime | None) -> Iterator[Frame]:
        """What was not looked at before; passing over hours of it may be stopped, too."""
        for frame in frames:
            if self._stop.is_set():
                return
            if known is None or frame.time > known:
                yield frame

    def _open(self, job: Job) -> Recording | Stream:
        source, options = job.source, self._options
        if source.kind is SourceKind.STREAM:
            return open_stream(
                source,
                every_s=options.every_for(job.camera),
                decode=options.decode,
                turns=self._turns,
                stop=self._stop,
                start=options.start,
                tz=options.tz,
                claim=self._claim(job),
            )
        return open_recording(
            source,
            every_s=options.every_for(job.camera),
            decode=options.decode,
            start=options.start,
            tz=options.tz,
        )

    def _claim(self, job: Job) -> Callable[[], None]:
        """What raises WatchedError while another process watches the job's camera live."""
        if self._locks is None or job.camera is None:
            return unclaimed
        return partial(self._locks.take, job.camera.id)

    def _no_picture(self, job: Job) -> SourceError:
        try:
            if job.source.kind is SourceKind.STREAM and job.source.duration_s is None:
                self._claim(job)()
        except WatchedError as error:
            return error
        return SourceError(f"{job.source.name}: gave no picture")

    def _tell(self, job: Job, look: Look, progress: Progress) -> None:
        progress.media_s = look.frame.media_s
        progress.stats.unchanged += look.unchanged
        for label in {detection.label for detection in look.detections}:
            progress.labels[label] = progress.labels.get(label, 0) + 1
        with self._telling:
            self._tell_changes(job, look.filings, progress)
            self._listener.looked(job, progress, look)

    def _tell_changes(self, job: Job, filings: Sequence[Filing], progress: Progress) -> None:
        for filing in filings:
            progress.incidents += filing.change.event == "new"
            self._listener.changed(job, filing)
