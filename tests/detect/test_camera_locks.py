"""Cameras that another process watches: told, left to it, and taken over when it has ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cv.bench.rtsp import RtspServer, free_port
from cv.bench.watching import Counter
from cv.cases.recorder import CaseRecorder, watches
from cv.cases.store import CaseStore
from cv.detect.batch import Batch
from cv.detect.camera_locks import CameraLocks, WatchedError
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Frame, find_sources, open_stream
from cv.detect.journal import Journal
from cv.detect.keyframes import Decode
from cv.detect.look import Look
from cv.detect.patrol import Beat, Patrol
from cv.detect.picture import Picture, Pixels
from cv.detect.resume import Resume
from cv.detect.run import Job, Options, Progress
from cv.detect.turns import Turns
from cv.detect.watch import CameraWatch
from cv.errors import KerbwatchError
from cv.geometry import Box
from tests.detect.clips import make_clip, number_of, numbered
from tests.detect.streams import needs_rtsp, warnings_in
from tests.detect.test_watch import site_in
from tests.detect.web_camera import motion_jpeg_camera, serving_files
from tests.listening import until

HOLD = """
import sys
from pathlib import Path
from cv.detect.camera_locks import CameraLocks
locks = CameraLocks(Path(sys.argv[1]))
locks.take(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def watched(folder: Path, camera: str = "gate") -> Iterator[subprocess.Popen[str]]:
    """By another process, until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder), camera]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[CameraLocks]:
    with CameraLocks(tmp_path) as held:
        yield held


def test_a_camera_that_another_process_watches_is_told_with_its_pid(
    locks: CameraLocks, tmp_path: Path
) -> None:
    with watched(tmp_path) as other:
        expected = f"camera gate is watched by another process (pid {other.pid})"
        with pytest.raises(WatchedError) as told:
            locks.take("gate")
        assert str(told.value) == expected
        locks.take("square")
        with CameraLocks(tmp_path / "another") as elsewhere:
            elsewhere.take("gate")


def test_who_was_killed_watches_nothing(locks: CameraLocks, tmp_path: Path) -> None:
    with watched(tmp_path) as other:
        other.kill()
        other.wait()
        locks.take("gate")


def test_a_run_may_have_several_streams_of_one_camera(locks: CameraLocks) -> None:
    locks.take("gate")
    locks.take("gate")


def test_a_patrol_of_thousands_needs_one_descriptor(locks: CameraLocks) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(2000):
        locks.take(f"camera-{number}")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_where_nothing_can_be_locked_cameras_are_watched_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with CameraLocks(tmp_path / "data") as locks:
        locks.take("gate")


def claim_of(locks: CameraLocks) -> Callable[[], None]:
    return lambda: locks.take("gate")


def test_a_stream_waits_for_its_camera_and_is_not_even_connected_to(
    locks: CameraLocks, tmp_path: Path, stop: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    (dead,) = find_sources([f"rtsp://127.0.0.1:{free_port()}/cam"])
    with watched(tmp_path) as other:
        claim = claim_of(locks)
        with open_stream(dead, every_s=1, stop=stop, pause=lambda _: None, claim=claim) as stream:
            until(lambda: stream.stats.failures > 3)
            stop.set()
    assert warnings_in(caplog) == [
        f"camera gate is watched by another process (pid {other.pid}); "
        "trying again until that one ends"
    ]


def test_motion_jpeg_goes_on_when_the_other_process_has_ended(
    locks: CameraLocks, tmp_path: Path, stop: threading.Event
) -> None:
    with motion_jpeg_camera(still=True) as url, watched(tmp_path) as other:
        (source,) = find_sources([url])
        claim = claim_of(locks)
        with open_stream(
            source, every_s=None, stop=stop, pause=lambda _: None, claim=claim
        ) as stream:
            until(lambda: stream.stats.failures > 3)
            assert stream.stats.decoded == 0
            other.kill()
            assert next(iter(stream), None) is not None


def test_a_recording_behind_an_address_is_watched_beside_the_live_camera(
    locks: CameraLocks, tmp_path: Path, stop: threading.Event
) -> None:
    make_clip(tmp_path / "clip.mp4", options={"movflags": "faststart"})
    with serving_files(tmp_path) as web, watched(tmp_path):
        (source,) = find_sources([f"{web}/clip.mp4"])
        claim = claim_of(locks)
        with open_stream(source, every_s=1.0, decode=Decode.ALL, stop=stop, claim=claim) as stream:
            assert [number_of(frame.image) for frame in stream] == [0, 25, 50, 75]


@needs_rtsp
def test_a_patrol_visits_the_others(
    locks: CameraLocks, tmp_path: Path, clip: Path, stop: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    seen: list[str] = []
    with RtspServer(clip, phases=2) as server, watched(tmp_path, "camera-0") as other:
        beats = [
            Beat(
                *find_sources([f"{server.url}{n}"]),
                1.0,
                lambda _, name=f"camera-{n}": seen.append(name),
                lambda name=f"camera-{n}": locks.take(name),
            )
            for n in range(2)
        ]
        patrol = threading.Thread(target=Patrol(Turns(2), stop).run, args=(beats,))
        patrol.start()
        until(lambda: len(seen) >= 3)
        assert set(seen) == {"camera-1"}
        other.kill()
        until(lambda: "camera-0" in seen)
        stop.set()
        patrol.join(20)
    (said,) = warnings_in(caplog)
    assert said.startswith("camera camera-0 is watched by another process (pid ")


class OneCar(Detector):
    """Sees a car that stands there."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        return [Detection("car", 0.9, Box(40, 40, 120, 100))]


class Told(Counter):
    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []
        self.open: list[str] = []

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self.open = [incident.id for incident in look.open]

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self.failures.append(str(error))


def test_who_takes_over_goes_on_with_what_the_other_has_left(
    tmp_path: Path, stop: threading.Event
) -> None:
    """Not with what there was when it began to wait, however it keeps its journal."""
    detector = OneCar(backend="onnxruntime", threads=1, side_by_side=True)
    site, options = site_in(tmp_path, dwell_s=2), Options(every_s=0.5)
    with (
        CaseStore(tmp_path / "cases.sqlite") as store,
        CameraLocks(tmp_path) as locks,
        Journal(tmp_path / "results.jsonl", detector.info) as journal,
        motion_jpeg_camera(still=True) as url,
        watched(tmp_path) as other,
    ):
        (source,) = find_sources([url])
        job, told = Job(source, site.cameras[0]), Told()
        batch = Batch(
            detector, watches(store, site, detector, options, refresh_s=0), options, told, stop,
            resume=Resume(journal, ()), locks=locks,
        )  # fmt: skip
        run = threading.Thread(target=batch.run, args=([job],))
        run.start()
        until(lambda: source.stats.failures > 0)
        camera = site.cameras[0]
        recorder = CaseRecorder(store, site, camera, job.line_of_time, detector.info)
        earlier = CameraWatch(site, camera, detector, recorder, every_s=0.5)
        image = np.asarray(numbered(0), np.uint8)
        while not earlier.open_incidents:
            earlier.look(Frame(Pixels(image), datetime.now(UTC), 0.0, 0))
        earlier.close()
        assert source.stats.looks == 0
        other.kill()
        until(lambda: bool(told.open))
        stop.set()
        run.join(20)
        assert told.failures == []
        assert told.open == [incident.id for incident in earlier.open_incidents]


def test_a_run_that_never_got_its_camera_says_why(tmp_path: Path, stop: threading.Event) -> None:
    detector = OneCar(backend="onnxruntime", threads=1, side_by_side=True)
    site, options = site_in(tmp_path), Options(every_s=0.5)
    with (
        CaseStore(tmp_path / "cases.sqlite") as store,
        CameraLocks(tmp_path) as locks,
        motion_jpeg_camera(still=True) as url,
        watched(tmp_path) as other,
    ):
        (source,) = find_sources([url])
        told = Told()
        watch_of = watches(store, site, detector, options, refresh_s=0)
        batch = Batch(detector, watch_of, options, told, stop, locks=locks)
        run = threading.Thread(target=batch.run, args=([Job(source, site.cameras[0])],))
        run.start()
        until(lambda: source.stats.failures > 0)
        stop.set()
        run.join(20)
        assert told.failures == [f"camera gate is watched by another process (pid {other.pid})"]
