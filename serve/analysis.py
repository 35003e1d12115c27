"""Decoding and inference in a few threads, with a queue that has an end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import NamedTuple, TypeVar

import cv2

from cv.detect.annotate import annotate_photo
from cv.detect.archive import ENOUGH, detect_in_photo
from cv.detect.detector import Detection, Detector
from cv.detect.photo import Photo, decode_photo
from cv.errors import ImageError
from cv.site import Site
from serve.limits import BusyError, Limits, body_too_large
from serve.metrics import Metrics
from serve.pace import Pace

__all__ = ["Analysed", "Analyser"]

_Result = TypeVar("_Result")
_Final = TypeVar("_Final")
_JPEG = b"\xff\xd8\xff"


class Analysed(NamedTuple):
    """`photo.image` may be a part of the photo's size; boxes are in pixels of the whole."""

    photo: Photo
    detections: list[Detection]
    elapsed_s: float


class Analyser:
    """Analyses pictures off the event loop, which keeps answering /healthz meanwhile."""

    def __init__(self, detector: Detector, limits: Limits, metrics: Metrics) -> None:
        self.detector = detector
        self.ready = False
        self._limits = limits
        self._metrics = metrics
        self._in_work = 0
        self._decoding = threading.Lock()
        self.pace = Pace(limits.workers)
        self._open()

    def _open(self) -> None:
        self._pool = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="analyse")

    async def start(self) -> None:
        """Make the model warm; also after `close`, as an application may be started again."""
        self._open()
        await asyncio.get_running_loop().run_in_executor(self._pool, self.detector.warm_up)
        self.ready = True

    def close(self) -> None:
        """Finish what was accepted."""
        self.ready = False
        self._pool.shutdown(wait=True)

    async def analyse(self, data: bytes, min_score: float | None = None) -> Analysed:
        """Decode and detect.

        Raises:
            ImageError: 413, 415 or 422.
            BusyError: too many are waiting already for an answer in time.
        """
        async with self._place() as patience_s:
            return await self._take_turn(lambda: self._work(data, min_score), patience_s)

    async def analyse_each(
        self,
        pictures: Sequence[bytes],
        answer: Callable[[Analysed], _Result],
        finish: Callable[[list[_Result | ImageError]], _Final],
        min_score: float | None = None,
    ) -> _Final:
        """Several pictures of one request, in order; one that is refused is its error.

        They take one place in the queue, and a turn each, so that others come in between. Only
        the first may wait too long: what was begun is finished.

        Args:
            pictures: at least one.
            answer: made in the worker, so that the pixels of one picture are kept at a time.
            finish: what comes of all answers; in the last picture's turn, since to wait for one
                more behind everybody else would double the time to an answer.

        Raises:
            BusyError: as `analyse`.
        """
        answers: list[_Result | ImageError] = []

        def work(data: bytes) -> None:
            try:
                answers.append(answer(self._work(data, min_score)))
            except ImageError as error:
                answers.append(error)

        def last() -> _Final:
            work(pictures[-1])
            return finish(answers)

        async with self._place() as first_s:
            patience_s = first_s
            for data in pictures[:-1]:
                await self._take_turn(partial(work, data), patience_s)
                patience_s = None
            return await self._take_turn(last, patience_s)

    async def draw(self, data: bytes, min_score: float | None, site: Site) -> bytes:
        """The picture as JPEG with its detections drawn, masked as the site wants evidence.

        Raises:
            ImageError, BusyError: as `analyse`.
        """
        async with self._place() as patience_s:
            return await self._take_turn(lambda: self._drawn(data, min_score, site), patience_s)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[float | None]:
        """A place in the queue; gives the seconds that it is worth waiting for a worker, or None
        where one is free.

        Who would be answered too late is told so at once, instead of waiting for nothing.
        """
        limits, ahead = self._limits, self._in_work
        late = self.pace.answer_s(ahead) > limits.within_s
        if ahead >= limits.workers + limits.queue or (late and ahead >= limits.workers):
            raise self._busy("too many pictures are waiting; try again later")
        self._in_work += 1
        self._metrics.waiting.set(self._in_work)
        try:
            is_free = ahead < limits.workers
            yield None if is_free else max(0.0, limits.within_s - self.pace.turn_s)
        finally:
            self._in_work -= 1
            self._metrics.waiting.set(self._in_work)

    def _busy(self, why: str) -> BusyError:
        self._metrics.rejected.inc()
        return BusyError(why, self.pace.come_back_s())

    async def _take_turn(self, work: Callable[[], _Result], patience_s: float | None) -> _Result:
        """Wait for a worker, and for what it makes.

        The pool's own queue is the one that requests wait in: a worker takes the next picture by
        itself, and does not stand idle until the event loop comes to it.
        """
        took_s: list[float] = []

        def turn() -> _Result:
            began = time.perf_counter()
            try:
                return work()
            finally:
                took_s.append(time.perf_counter() - began)

        job = self._pool.submit(turn)
        try:
            made = asyncio.wrap_future(job)
            if patience_s is not None:
                await asyncio.wait({made}, timeout=patience_s)
                if job.cancel():
                    raise self._busy("no worker came free in time; try again later")
            return await made
        finally:
            job.cancel()  # if the client went away before it had begun
            if took_s:
                self.pace.add(took_s[0])

    def _work(self, data: bytes, min_score: float | None) -> Analysed:
        began = time.perf_counter()
        photo = self._decoded(data)
        detections = detect_in_photo(self.detector, photo, min_score=min_score)
        elapsed_s = time.perf_counter() - began
        self._metrics.analysis.observe(elapsed_s)
        return Analysed(photo, detections, elapsed_s)

    def _drawn(self, data: bytes, min_score: float | None, site: Site) -> bytes:
        image = self._decoded(data).image
        # In pixels of what is drawn on, which may be a part of the photo's size.
        annotate_photo(image, self.detector.detect(image, min_score=min_score), self.detector, site)
        return cv2.imencode(".jpg", image)[1].tobytes()

    def _decoded(self, data: bytes) -> Photo:
        if len(data) > self._limits.image_bytes:
            raise body_too_large(self._limits.image_bytes)
        # A large one fills memory while it is decoded, so there is one at a time; of a baseline
        # JPEG only a part of the size is ever there.
        with nullcontext() if data.startswith(_JPEG) else self._decoding:
            return decode_photo(
                data,
                max_pixels=self._limits.image_pixels,
                max_memory=self._limits.decoding_bytes,
                enough=ENOUGH,
            )
