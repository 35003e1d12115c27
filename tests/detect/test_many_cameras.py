"""More cameras than the machine can look at: all of them suffer alike, and it shows."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cv.bench.rtsp import RtspServer, free_port
from cv.bench.watching import Counter
from cv.detect.batch import Batch
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, find_sources
from cv.detect.picture import Picture
from cv.detect.run import Job, Options
from cv.detect.watch import CameraWatch
from cv.errors import KerbwatchError
from cv.site import Camera
from tests.detect.streams import needs_rtsp, silent_server

pytestmark = [needs_rtsp, pytest.mark.slow]
LOOK_S = 0.15


class Slow(Detector):
    """Takes its time, whatever the machine."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        time.sleep(LOOK_S)
        return []


class Silent(Counter):
    """A source that never gave a picture is no failure of this test."""

    def failed(self, job: Job, error: KerbwatchError) -> None:
        assert "gave no picture" in str(error)


Seen = tuple[list[Source], list[int]]


def run(urls: list[str], seconds: float, every_s: float, warm_s: float = 0.0) -> Seen:
    """Watch for so long; looks are counted after a while, when all have connected."""
    jobs = [Job(find_sources([url])[0], None) for url in urls]

    def no_watch(camera: Camera, job: Job) -> CameraWatch:
        raise AssertionError(f"{camera.id}, {job.source.uri}: no camera was given")

    detector = Slow(backend="onnxruntime", threads=1, side_by_side=True)
    stop = threading.Event()
    batch = Batch(detector, no_watch, Options(every_s=every_s), Silent(), stop)
    runner = threading.Thread(target=batch.run, args=(jobs,))
    runner.start()
    time.sleep(warm_s)
    before = [job.source.stats.looks for job in jobs]
    time.sleep(seconds)
    looks = [job.source.stats.looks - n for job, n in zip(jobs, before, strict=True)]
    stop.set()
    runner.join(20)
    assert not runner.is_alive()
    return [job.source for job in jobs], looks


def test_overload_is_shared_evenly_and_counted(clip: Path) -> None:
    """Six cameras ask for 12 looks a second; there is time for 6 or 7."""
    with RtspServer(clip, phases=6) as server:
        sources, looks = run([f"{server.url}{n}" for n in range(6)], 9.0, 0.5, warm_s=4.0)
    assert min(looks) >= 5
    assert max(looks) - min(looks) <= 2, looks
    assert all(source.stats.missed + source.stats.late > 3 for source in sources)
    assert sum(looks) * LOOK_S > 5, "the one place was in use all the time"


def test_dead_cameras_hold_up_nobody(clip: Path) -> None:
    """One refuses, one takes the connection and is silent for longer than this test runs.

    Looks are counted, not how punctual each was: that depends on what else the machine does.
    """
    with RtspServer(clip, phases=2) as server, silent_server() as port:
        refusing, silent = (f"rtsp://127.0.0.1:{n}/cam" for n in (free_port(), port))
        urls = [f"{server.url}0", refusing, silent, f"{server.url}1"]
        (one, refused, unheard, other), looks = run(urls, 6.0, 1.0, warm_s=1.0)
    assert refused.stats.looks == unheard.stats.looks == 0
    assert refused.stats.failures >= 2
    assert min(looks[0], looks[3]) >= 4, (one.stats, other.stats)
