"""Annotated copies beside a report: passes every call on and writes what was looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Self

from cv.detect.annotate import AnnotatedVideo, annotate, annotate_photo
from cv.detect.copy_file import CopyFile, write_photo
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, SourceKind
from cv.detect.jobs import Plan
from cv.detect.look import Filing, Look
from cv.detect.photo import Photo
from cv.detect.run import Job, Listener, Progress
from cv.errors import KerbwatchError, SourceError
from cv.site import Site

__all__ = ["AnnotatedCopies"]


_KINDS = {".jpg": (".jpg", ".jpeg", ".png", ".webp"), ".mp4": (".mp4", ".mkv", ".mov")}
"""What a copy of a photo, and of a video, may be; what it is called in a folder comes first."""


class AnnotatedCopies:
    """A listener that writes one file for one source, or a folder of them for several.

    Copies of earlier runs are replaced, no other file ever is. A copy of a video that cannot be
    written any more is told of and dropped; the watch goes on without it.

    Raises:
        SourceError: the place cannot be written, or something else is there.
    """

    def __init__(
        self, path: Path, site: Site, detector: Detector, plan: Plan, then: Listener
    ) -> None:
        self._site = site
        self._detector = detector
        self._then = then
        self._paths = _paths(path, plan)
        _refuse_files(self._paths.values(), plan)
        self._videos: dict[int, tuple[Job, AnnotatedVideo]] = {}

    def has(self, source: Source) -> bool:
        """Whether there is a copy of a source, of this run or an earlier one."""
        photo = source.kind is SourceKind.PHOTO
        return os.path.lexists(self._paths[source.name if photo else id(source)])

    def started(self, job: Job, progress: Progress) -> None:
        self._then.started(job, progress)
        with self._given_up_in_trouble(job):
            self._videos[id(job)] = job, AnnotatedVideo(self._paths[id(job.source)])

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        if id(job) in self._videos:
            picture = annotate(look, self._detector, self._site, job.camera)
            with self._given_up_in_trouble(job):
                self._videos[id(job)][1].add(picture, look.frame.media_s)
        self._then.looked(job, progress, look)

    def changed(self, job: Job, filing: Filing) -> None:
        self._then.changed(job, filing)

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
        picture = photo.image.copy()
        annotate_photo(picture, detections, self._detector, self._site)
        write_photo(self._paths[job.source.name], picture)
        self._then.photo(job, photo, detections)

    def skipped(self, job: Job) -> None:
        self._then.skipped(job)

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self._then.failed(job, error)

    def ended(self, job: Job, progress: Progress) -> None:
        self._then.ended(job, progress)
        self._close(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for job, _video in list(self._videos.values()):
            self._close(job)

    def _close(self, job: Job) -> None:
        with self._given_up_in_trouble(job):
            if id(job) in self._videos:
                self._videos.pop(id(job))[1].close()

    @contextmanager
    def _given_up_in_trouble(self, job: Job) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            if id(job) in self._videos:
                self._videos.pop(id(job))[1].drop()
            self._then.failed(job, SourceError(f"{error}; {job.source.name} stays without a copy"))


def _refuse_files(paths: Iterable[Path], plan: Plan) -> None:
    """Before anything is watched: what a copy must not replace."""
    sources = {_identity(Path(photo)) for photo in plan.photos}
    sources |= {_identity(j.source.uri) for j in plan.jobs if isinstance(j.source.uri, Path)}
    sources.discard(None)
    for path in paths:
        if _identity(path) in sources:
            raise SourceError(f"--save-video: {path} is a source; its copy would replace it")
        CopyFile(path).refuse_others()


def _identity(file: Path) -> tuple[int, int] | None:
    """The same for all names of one file; None of what is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"--save-video: {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise SourceError(f"--save-video: {folder}: cannot be written")


def _paths(path: Path, plan: Plan) -> dict[object, Path]:
    """A file for each photo's name and each video's id; for a single one that given, else one in
    that folder.
    """
    stems: list[tuple[object, str, str]] = [(n, Path(n).stem, ".jpg") for n in plan.photos]
    for job in plan.jobs:
        live = job.source.kind is SourceKind.STREAM and job.camera
        stem = job.camera.id if live and job.camera else Path(job.source.name).stem or "stream"
        stems.append((id(job.source), stem, ".mp4"))
    if len(stems) == 1 and path.suffix:
        (only, _, suffix) = stems[0]
        if path.suffix.lower() not in _KINDS[suffix]:
            kinds = ", ".join(_KINDS[suffix])
            raise SourceError(f"--save-video {path}: a copy is a file of {kinds}, or a folder")
        _prepare(path.parent)
        return {only: path}
    if path.suffix.lower() in chain.from_iterable(_KINDS.values()):
        raise SourceError(f"--save-video {path}: several sources need a folder, not one file")
    _prepare(path)
    paths: dict[object, Path] = {}
    numbers: dict[str, int] = {}
    taken: set[str] = set()
    for key, stem, suffix in stems:
        file = f"{stem}{suffix}"
        while file in taken:
            numbers[stem] = numbers.get(stem, 1) + 1
            file = f"{stem}-{numbers[stem]}{suffix}"
        taken.add(file)
        paths[key] = path / file
    return paths
