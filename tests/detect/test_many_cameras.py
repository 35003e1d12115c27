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
from tests.detect.streams import needs_rtsp

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

    def no_watch(camera: Camera, stream: str) -> CameraWatch:
        raise AssertionError(f"{camera.id}, {stream}: no camera was given")

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


def test_a_dead_camera_holds_up_nobody(clip: Path) -> None:
    with RtspServer(clip, phases=2) as server:
        dead = f"rtsp://127.0.0.1:{free_port()}/cam"
        (one, gone, other), _ = run([f"{server.url}0", dead, f"{server.url}1"], 6.0, 1.0)
    assert gone.stats.looks == 0
    assert gone.stats.failures >= 2
    for source in (one, other):
        assert source.stats.looks >= 4
        assert source.stats.late == 0
