"""Annotated copies beside a report: passes every call on and writes what was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from cv.detect.annotate import AnnotatedVideo, annotate
from cv.detect.batch import Job, Listener, Progress
from cv.detect.detector import Detection
from cv.detect.drawing import BLUE, draw_box
from cv.detect.frames import SourceKind
from cv.detect.masking import head_region, pixelate
from cv.detect.photo import Photo
from cv.detect.watch import Filing, Look
from cv.errors import KerbwatchError, SourceError
from cv.site import Site

__all__ = ["AnnotatedCopies"]


class AnnotatedCopies:
    """A listener that writes one file for one source, or a folder of them for several.

    Raises:
        SourceError: the place cannot be written.
    """

    def __init__(self, path: Path, site: Site, jobs: Sequence[Job], then: Listener) -> None:
        self._site = site
        self._then = then
        self._paths = _paths(path, jobs)
        self._videos: dict[int, AnnotatedVideo] = {}
        self._open = ExitStack()

    def started(self, job: Job, progress: Progress) -> None:
        self._videos[id(job)] = self._open.enter_context(AnnotatedVideo(self._paths[id(job)]))
        self._then.started(job, progress)

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self._videos[id(job)].add(annotate(look, self._site, job.camera), look.frame.media_s)
        self._then.looked(job, progress, look)

    def changed(self, job: Job, filing: Filing) -> None:
        self._then.changed(job, filing)

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
        picture = photo.image.copy()
        if self._site.privacy.heads:
            for detection in detections:
                if detection.label == "person":
                    pixelate(picture, head_region(detection.box))
        for detection in detections:
            draw_box(picture, detection.box, BLUE, f"{detection.label} {detection.score:.2f}")
        path = self._paths[id(job)]
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(path), picture):
            raise SourceError(f"{path}: cannot write a picture there")
        self._then.photo(job, photo, detections)

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self._then.failed(job, error)

    def ended(self, job: Job, progress: Progress) -> None:
        self._then.ended(job, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()


def _paths(path: Path, jobs: Sequence[Job]) -> dict[int, Path]:
    """A file for a single source; in a folder, names that do not clash."""
    if len(jobs) == 1 and path.suffix:
        return {id(jobs[0]): path}
    if path.suffix in {".mp4", ".mkv", ".jpg"}:
        raise SourceError(f"{path}: several sources need a folder, not one file")
    paths: dict[int, Path] = {}
    for job in jobs:
        suffix = ".jpg" if job.source.kind is SourceKind.PHOTO else ".mp4"
        stem = job.camera.id if job.source.kind is SourceKind.STREAM and job.camera else None
        stem = stem or Path(job.source.name).stem or "stream"
        name = stem
        taken = set(paths.values())
        number = 2
        while path / f"{name}{suffix}" in taken:
            name, number = f"{stem}-{number}", number + 1
        paths[id(job)] = path / f"{name}{suffix}"
    return paths
