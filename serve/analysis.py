"""Decoding and inference in a few threads, with a queue that has an end."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from cv.detect.detector import Detection, Detector
from cv.detect.photo import Photo, decode_photo
from serve.limits import BusyError, Limits
from serve.metrics import Metrics

__all__ = ["Analysed", "Analyser"]


class Analysed(NamedTuple):
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
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="analyse")

    async def start(self) -> None:
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
            BusyError: too many are waiting already.
        """
        if self._in_work >= self._limits.workers + self._limits.queue:
            self._metrics.rejected.inc()
            raise BusyError("too many pictures are waiting; try again in a second")
        self._in_work += 1
        self._metrics.waiting.set(self._in_work)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._work, data, min_score)
        finally:
            self._in_work -= 1
            self._metrics.waiting.set(self._in_work)

    def _work(self, data: bytes, min_score: float | None) -> Analysed:
        began = time.perf_counter()
        photo = decode_photo(data, max_pixels=self._limits.image_pixels)
        detections = self.detector.detect(photo.image, min_score=min_score)
        elapsed_s = time.perf_counter() - began
        self._metrics.analysis.observe(elapsed_s)
        return Analysed(photo, detections, elapsed_s)
