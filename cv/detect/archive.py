"""Photos by the thousand: one is read while the one before is looked at, and none is kept."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cv.codes import CodeTable
from cv.detect.copy_file import Copied
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, SourceKind
from cv.detect.journal import Journal, Mark, file_mark
from cv.detect.photo import Photo, read_photo
from cv.detect.run import Job, Listener
from cv.errors import ImageError, KerbwatchError, UserError
from cv.suggest import suggest

__all__ = ["ENOUGH", "PhotoArchive", "detect_in_photo", "photo_document"]

Answer = tuple[Photo, list[Detection]]

ENOUGH = 1280
"""Longer side from which a photo is decoded at a part of its size: twice the network's input."""


def detect_in_photo(
    detector: Detector, photo: Photo, *, min_score: float | None = None
) -> list[Detection]:
    """Detections with boxes in pixels of the whole photo, at whatever size it was decoded."""
    found = detector.detect(photo.image, min_score=min_score)
    height, width = photo.image.shape[:2]
    if (width, height) == (photo.width, photo.height):
        return found
    whole = photo.width, photo.height
    return [d._replace(box=d.box.resized((width, height), whole)) for d in found]


def photo_document(
    name: str, photo: Photo, detections: Sequence[Detection], codes: CodeTable
) -> dict[str, Any]:
    """One photo as `kerbwatch detect --json` prints it."""
    size = {"width": photo.width, "height": photo.height}
    return {
        "photo": name,
        **size,
        "detections": [
            {
                "label": detection.label,
                "score": round(detection.score, 3),
                "box": [round(edge, 1) for edge in detection.box],
            }
            for detection in detections
        ],
        "suggestions": [
            suggestion.model_dump(mode="json")
            for suggestion in suggest(detections, table=codes, **size)
        ],
    }


class PhotoArchive:
    """Looks at photos; one that fails is reported and never stops the others.

    Args:
        journal: takes the results, and knows which photos are done.
        copied: whether a photo's annotated copy is there, where copies are asked for. One without
            is not done, and all are decoded at their full size, to be shown.
        places: photos that the detector looks at side by side.
        stop: set it to end early.
    """

    def __init__(
        self,
        detector: Detector,
        codes: CodeTable,
        listener: Listener,
        stop: threading.Event,
        *,
        journal: Journal | None = None,
        copied: Copied | None = None,
        places: int = 1,
    ) -> None:
        self._detector = detector
        self._codes = codes
        self._listener = listener
        self._stop = stop
        self._journal = journal
        self._copied = copied
        self._enough = None if copied else ENOUGH
        self._places = places
        self._looking = threading.BoundedSemaphore(places)

    def run(self, paths: Iterable[str]) -> None:
        """Look at each photo that is not done yet, in order.

        Raises:
            KerbwatchError: results cannot be written any more.
        """
        with ExitStack() as stack:
            workers = ThreadPoolExecutor(self._places + 1, thread_name_prefix="photo")
            stack.callback(workers.shutdown, cancel_futures=True)
            for job, mark, answer in self._ahead(paths, workers):
                self._finish(job, mark, answer)
                del answer  # and its pixels, before another photo is begun

    def _ahead(
        self, paths: Iterable[str], workers: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Mark, Future[Answer]]]:
        """Photos in order, and of the next ones as many in work as there are places, and one."""
        begun: deque[tuple[Job, Mark, Future[Answer]]] = deque()
        for path in paths:
            if self._stop.is_set():
                return
            job = Job(Source(SourceKind.PHOTO, Path(path)), None)
            mark: Mark = {"photo": path}
            if self._journal:
                # Before the photo is read: if it changes meanwhile, it will be done anew.
                mark |= _file_mark_or_none(job.source.path)
                if self._journal.holds(mark) and (not self._copied or self._copied(job.source)):
                    self._listener.skipped(job)
                    continue
            begun.append((job, mark, workers.submit(self._answer, job.source.path)))
            if len(begun) > self._places:
                yield begun.popleft()
        while begun and not self._stop.is_set():
            yield begun.popleft()

    def _answer(self, path: Path) -> Answer:
        photo = read_photo(path, enough=self._enough)
        with self._looking:
            return photo, detect_in_photo(self._detector, photo)

    def _finish(self, job: Job, mark: Mark, answer: Future[Answer]) -> None:
        try:
            photo, detections = answer.result()
            self._listener.photo(job, photo, detections)
        except (UserError, MemoryError) as error:
            told = error if isinstance(error, KerbwatchError) else _too_much(job)
            self._listener.failed(job, told)
            if self._journal:
                self._journal.add({**mark, "failure": str(told)})
            return
        if self._journal:
            document = photo_document(job.source.name, photo, detections, self._codes)
            self._journal.add({**mark, **document})


def _file_mark_or_none(path: Path) -> Mark:
    """What there is to know of a file; of one that is gone its reading will tell."""
    try:
        return file_mark(path)
    except UserError:
        return {}


def _too_much(job: Job) -> ImageError:
    return ImageError(
        f"{job.source.name}: takes more memory than there is", status=413, message_zh="内存不足"
    )
