"""Recordings are analysed on all processors at once, and come out as on one."""

from __future__ import annotations

import errno
import gc
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import VideoFrame

from cv.bench.clip import looped
from cv.bench.rtsp import RtspServer, free_port
from cv.bench.watching import Counter, bench_site
from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.detect.batch import Batch
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, SourceKind, find_sources
from cv.detect.journal import Journal
from cv.detect.look import Filing, Look
from cv.detect.opening import problem_of
from cv.detect.packets import packets
from cv.detect.picture import Picture, VideoPicture
from cv.detect.resume import Resume
from cv.detect.run import Job, Options, Progress
from cv.detect.watch import CameraWatch
from cv.errors import KerbwatchError
from cv.geometry import Box
from cv.site import Camera
from cv.site.rules import RuleChange
from tests.detect.clips import make_clip, numbered
from tests.detect.streams import needs_rtsp
from tests.detect.test_watch import Away, Memory
from tests.detect.web_camera import serving_files
from tests.listening import until

CAR_FROM = 12


class Brightness(Detector):
    """Sees a car from the twelfth picture on. Which one it is given, their brightness tells."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        width, height = picture.size
        seen = float(picture.fitted((height, width)).image.mean())
        number = round((seen - FIRST) / STEP)
        return [Detection("car", 0.9, Box(40, 40, 120, 100))] if number >= CAR_FROM else []


class Looks(Counter):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, bool, int]] = []

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self.seen.append((look.frame.media_s, look.unchanged, len(look.detections)))


SCENE = numbered(0).astype(float) * 0.4
STEP = 2.0
FIRST = float(SCENE.mean())


@pytest.fixture
def brightening(tmp_path: Path) -> Path:
    """A scene in which nothing changes but the light, which an unchanged view does not mind."""
    pictures = [(SCENE + STEP * n).round().astype(np.uint8) for n in range(30)]
    return make_clip(tmp_path / "scene.mp4", images=pictures, stamps=[float(n) for n in range(30)])


def looks(clip: Path, folder: Path, processors: int) -> list[tuple[float, bool, int]]:
    detector = Brightness(backend="onnxruntime", threads=processors, side_by_side=True)
    site, seen = bench_site(folder), Looks()
    options = Options(every_s=1.0)
    with CaseStore(folder / "cases.sqlite") as store:
        watch_of = watches(store, site, detector, options, refresh_s=10.0)
        job = Job(Source(SourceKind.RECORDING, clip), site.cameras[0])
        Batch(detector, watch_of, options, seen, threading.Event()).run([job])
    return seen.seen


class Failures(Looks):
    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self.failures.append(str(error))


class Ends(Failures):
    def __init__(self) -> None:
        super().__init__()
        self.ended_sources: list[str] = []

    def ended(self, job: Job, progress: Progress) -> None:
        self.ended_sources.append(job.source.name)


class Changes(Failures):
    def __init__(self) -> None:
        super().__init__()
        self.filings: list[Filing] = []

    def changed(self, job: Job, filing: Filing) -> None:
        self.filings.append(filing)


def never_watched(camera: Camera, job: Job) -> CameraWatch:
    raise AssertionError(f"{camera.id}, {job.source.uri}: no camera was given")


def test_a_recording_on_a_share_that_goes_away_is_not_done(
    brightening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run goes on where the share went away, as after a kill."""

    def breaking_off(*arguments: Any) -> Iterator[Any]:
        yield from islice(packets(*arguments), 20)
        raise problem_of(brightening, av.error.OSError(errno.EIO, "Input/output error"))

    detector = Brightness(backend="onnxruntime", threads=1)
    site, options, times = bench_site(tmp_path), Options(every_s=1.0), []
    for reads in (breaking_off, packets, packets):
        monkeypatch.setattr("cv.detect.decoding.packets", reads)
        seen = Failures()
        job = Job(Source(SourceKind.RECORDING, brightening), site.cameras[0])
        with (
            CaseStore(tmp_path / "cases.sqlite") as store,
            Journal(tmp_path / "out.jsonl", detector.info) as journal,
        ):
            watch_of = watches(store, site, detector, options, refresh_s=0.0)
            resume = Resume(journal, ())
            Batch(detector, watch_of, options, seen, threading.Event(), resume=resume).run([job])
        times.append([round(media_s) for media_s, *_ in seen.seen])
        broken = reads is breaking_off
        assert seen.failures == [f"{brightening}: Input/output error"] * broken
    assert times[0] + times[1] == list(range(30))
    assert times[2] == []


def test_what_an_earlier_run_has_seen_is_not_what_a_failed_one_saw(
    brightening: Path, tmp_path: Path
) -> None:
    """It has looked at all, with other rules say; the next one could not record its first look."""
    detector, store = Brightness(backend="onnxruntime", threads=1), Away()
    site, options, looked = bench_site(tmp_path), Options(every_s=1.0), []

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(site, camera, detector, store, every_s=1)

    for journalled, away in ((False, False), (True, True), (True, False), (True, False)):
        store.away, seen = away, Failures()
        job = Job(Source(SourceKind.RECORDING, brightening), site.cameras[0])
        with Journal(tmp_path / "out.jsonl", detector.info) as journal:
            resume = Resume(journal, ()) if journalled else None
            Batch(detector, watch_of, options, seen, threading.Event(), resume=resume).run([job])
        assert bool(seen.failures) == away
        looked.append(len(seen.seen))
    assert looked == [30, 0, 30, 0]


class RefusesOnce(Memory):
    """A store that is away when the first incident is to be recorded, and no longer."""

    refused = False

    def record(self, filings: Sequence[Filing], state: str) -> None:
        if filings and not self.refused:
            self.refused = True
            raise KerbwatchError("cases.db: database is locked")
        super().record(filings, state)


def test_what_is_recorded_as_a_watch_ends_is_told_as_well(
    brightening: Path, tmp_path: Path
) -> None:
    """The next run goes on after it, and would never tell of it."""
    detector, store = Brightness(backend="onnxruntime", threads=1), RefusesOnce()
    rule = RuleChange(origin="test", dwell_s=5)
    site, told = bench_site(tmp_path), Changes()
    (zone,) = site.cameras[0].zones
    camera = replace(site.cameras[0], zones=(replace(zone, change=rule),))

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(site, camera, detector, store, every_s=1)

    job = Job(Source(SourceKind.RECORDING, brightening), camera)
    Batch(detector, watch_of, Options(every_s=1.0), told, threading.Event()).run([job])
    assert told.failures == ["cases.db: database is locked"]
    assert [filing.change.event for filing in store.filings] == ["new"]
    assert told.filings == store.filings


def test_a_run_is_stopped_while_it_passes_over_what_an_earlier_one_has_seen(
    brightening: Path, tmp_path: Path, stop: threading.Event
) -> None:
    detector, store = Brightness(backend="onnxruntime", threads=1), Memory()
    site, decoded = bench_site(tmp_path), []

    class StoppedAt(Changes):
        def looked(self, job: Job, progress: Progress, look: Look) -> None:
            if look.frame.media_s > 25:
                stop.set()

    class StoppedAtOnce(Changes):
        def started(self, job: Job, progress: Progress) -> None:
            stop.set()

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(site, camera, detector, store, every_s=1)

    for listener in (StoppedAt(), StoppedAtOnce()):
        stop.clear()
        job = Job(Source(SourceKind.RECORDING, brightening), site.cameras[0])
        with Journal(tmp_path / "out.jsonl", detector.info) as journal:
            resume = Resume(journal, ())
            batch = Batch(detector, watch_of, Options(1.0), listener, stop, resume=resume)
            batch.run([job])
        assert batch.left == 1
        decoded.append(job.source.stats.looks)
    assert decoded[0] > 25
    assert decoded[1] == 1


@pytest.mark.parametrize("stopped", [True, False])
def test_a_recording_behind_an_address_counts_as_left_where_the_run_was_stopped_in_it(
    tmp_path: Path, stop: threading.Event, stopped: bool
) -> None:
    class StoppedAtTheFirst(Changes):
        def looked(self, job: Job, progress: Progress, look: Look) -> None:
            if stopped:
                stop.set()

    make_clip(tmp_path / "clip.mp4", options={"movflags": "faststart"})
    detector = Brightness(backend="onnxruntime", threads=1)
    with serving_files(tmp_path) as web:
        (source,) = find_sources([f"{web}/clip.mp4"])
        batch = Batch(detector, never_watched, Options(1.0), StoppedAtTheFirst(), stop)
        batch.run([Job(source, None)])
    assert source.stats.looks == (1 if stopped else 4)
    assert batch.left == stopped


def test_a_bug_in_one_watch_ends_the_run_at_once(tmp_path: Path) -> None:
    """Not when the others have ended, for streams never do."""

    def broken(camera: Camera, job: Job) -> CameraWatch:
        raise ZeroDivisionError(camera.id, job.source.name)

    site, detector = bench_site(tmp_path), Brightness(backend="onnxruntime", threads=1)
    dead = Source(SourceKind.STREAM, f"rtsp://127.0.0.1:{free_port()}/dead")
    options, stop = Options(every_s=1.0), threading.Event()
    batch = Batch(detector, broken, options, Counter(), stop)
    with pytest.raises(ZeroDivisionError):
        batch.run([Job(dead, site.cameras[0]), Job(dead, None)])
    assert stop.is_set()


@needs_rtsp
def test_a_patrol_whose_store_is_away_at_its_end_is_told_of_camera_by_camera(
    tmp_path: Path, clip: Path, stop: threading.Event
) -> None:
    site, seen = bench_site(tmp_path), Ends()
    cameras = [replace(site.cameras[0], id=name) for name in ("gate", "yard")]
    stores = {camera.id: Away() for camera in cameras}
    detector, options = Brightness(backend="onnxruntime", threads=1), Options(60.0, patrol=True)

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(site, camera, detector, stores[camera.id], every_s=1)

    with RtspServer(clip, phases=2) as server:
        sources = [find_sources([f"{server.url}{n}"])[0] for n in range(2)]
        jobs = [Job(*pair) for pair in zip(sources, cameras, strict=True)]
        batch = Batch(detector, watch_of, options, seen, stop)
        run = ThreadPoolExecutor(1).submit(batch.run, jobs)
        until(lambda: all(store.state for store in stores.values()) or run.done())
        for store in stores.values():
            store.away = True
        stop.set()
        run.result(20)
    assert seen.failures == ["cases.db: database or disk is full"] * 2
    assert seen.ended_sources == [job.source.name for job in reversed(jobs)]


def test_a_run_that_was_stopped_before_its_cameras_blames_none_of_them(
    tmp_path: Path, stop: threading.Event
) -> None:
    """By Ctrl-C while photos are looked at, which come first."""
    detector, seen = Brightness(backend="onnxruntime", threads=1), Failures()
    dead = find_sources([f"rtsp://127.0.0.1:{free_port()}/dead"])[0]
    stop.set()
    for patrol in (False, True):
        options = Options(every_s=1.0, patrol=patrol)
        Batch(detector, never_watched, options, seen, stop).run([Job(dead, None)])
    assert seen.failures == []


def test_an_unchanged_view_is_judged_by_all_looks_before_it(
    brightening: Path, tmp_path: Path
) -> None:
    """However many of them are being analysed: a car that is seen waits for more looks."""
    alone = looks(brightening, tmp_path / "one", 1)
    analysed = [round(media_s) for media_s, unchanged, _ in alone if not unchanged]
    # Four until it is settled, one ten seconds later, which sees the car; then all.
    assert analysed == [0, 1, 2, 3, *range(13, 30)]
    assert [cars for _, _, cars in alone] == [0] * 13 + [1] * 17
    assert looks(brightening, tmp_path / "six", 6) == alone


@needs_rtsp
def test_a_live_picture_that_was_looked_at_makes_room_before_the_next_look(
    clip: Path, tmp_path: Path, stop: threading.Event
) -> None:
    """A hundred cameras' last pictures would be 400 MB at 1080p."""

    def pictures() -> int:
        gc.collect()  # PyAV holds the first frame of all in a cycle
        # by `type`: some things of other libraries warn when `isinstance` asks for their class
        return sum(type(thing) in (VideoFrame, VideoPicture) for thing in gc.get_objects())

    detector, store = Brightness(backend="onnxruntime", threads=1), Memory()
    site, counter, before = bench_site(tmp_path), Counter(), pictures()

    def watch_of(camera: Camera, job: Job) -> CameraWatch:
        return CameraWatch(site, camera, detector, store, every_s=300)

    long = looped(clip, tmp_path / "long.mp4", seconds=120)
    with RtspServer(long) as server, ThreadPoolExecutor() as pool:
        (source,) = find_sources([server.url])
        batch = Batch(detector, watch_of, Options(300.0), counter, stop)
        run = pool.submit(batch.run, [Job(source, site.cameras[0])])
        try:
            until(lambda: counter.looks > 0 and pictures() <= before, within_s=60)
        finally:
            stop.set()
        run.result()
    assert counter.looks == 1
