"""Of a still view every second look is left out, and never two in a row."""

from __future__ import annotations

import threading
import time
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cv.bench.rtsp import RtspServer
from cv.bench.watching import Counter, bench_site
from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.detect.batch import Batch
from cv.detect.detector import Detection, Detector
from cv.detect.every_second import EverySecond
from cv.detect.frames import find_sources
from cv.detect.look import Look
from cv.detect.picture import Picture
from cv.detect.run import Job, Options, Progress
from cv.geometry import Box
from tests.detect.clips import make_clip, numbered
from tests.detect.streams import needs_rtsp, reading


class Camera:
    """Looks are due one after another; each is told of, unless it is spared."""

    def __init__(self, every_s: float | None = 2.0) -> None:
        self.every_second = EverySecond(every_s)
        self.every_s = every_s or 0.04
        self.bytes = 0
        self.at_s = 0.0

    def due(self, came: int = 1000, *, is_still: bool = True) -> str:
        if self.is_spared(came):
            return "-"
        self.every_second.begin_look()
        self.every_second.end_look(is_still=is_still)
        return "o"

    def is_spared(self, came: int = 1000) -> bool:
        self.bytes += came
        self.at_s += self.every_s
        return self.every_second.spares(self.bytes, self.at_s)

    def looks(self, count: int, came: int = 1000, *, is_still: bool = True) -> str:
        return "".join(self.due(came, is_still=is_still) for _ in range(count))


def test_every_second_look_is_spared_once_it_is_known_how_much_comes_while_nothing_changes():
    assert Camera().looks(12) == "ooo-o-o-o-o-"


def test_a_view_in_which_something_changes_or_waits_is_looked_at_every_time():
    camera = Camera()
    assert camera.looks(20, is_still=False) == "o" * 20
    assert camera.looks(5) == "ooo-o"
    assert camera.looks(4, is_still=False) == "-ooo"


def test_more_between_key_frames_than_while_nothing_changed_is_looked_at_in_time():
    camera = Camera()
    assert camera.looks(9) == "ooo-o-o-o"
    assert camera.due(came=1200) == "-"
    assert camera.due(came=1200) == "o"
    assert camera.due(came=1600) == "o", "something moves, be it in no zone"
    assert camera.due(came=1900) == "-", "that is usual by now"


def test_what_a_look_that_changed_something_came_with_is_not_usual():
    camera = Camera()
    camera.looks(4)
    camera.looks(3, came=5000, is_still=False)
    assert camera.due() == "o"
    assert camera.due(came=5000) == "o"


def test_the_look_after_one_that_was_spared_is_made_though_pictures_are_damaged():
    camera = Camera()
    assert camera.looks(4) == "ooo-"
    assert [camera.is_spared() for _ in range(4)] == [False] * 4, "none of them gave a look"
    assert camera.looks(3) == "o-o"


def test_nothing_is_known_of_a_look_that_has_not_ended():
    camera = Camera()
    assert camera.looks(5) == "ooo-o"
    camera.every_second.begin_look()
    assert not camera.is_spared(came=5000)
    camera.every_second.end_look(is_still=True)
    assert not camera.is_spared(), "a frame of the look before waits"
    assert camera.due(is_still=False) == "o"
    camera.every_second.begin_look()
    camera.every_second.end_look(is_still=True)
    assert not camera.is_spared(came=5000), "what came while it was made is not usual"


def test_where_looks_are_rare_each_of_them_counts():
    assert Camera(every_s=5.0).looks(12).count("-") == 5
    assert Camera(every_s=6.0).looks(12) == "o" * 12
    assert Camera(every_s=None).looks(12) == "o" * 12


def test_where_key_frames_are_rarer_than_looks_are_asked_for_each_of_them_counts():
    camera = Camera()
    camera.every_s = 10.0
    assert camera.looks(12) == "o" * 12


def test_a_look_that_comes_late_is_made():
    camera = Camera()
    assert camera.looks(5) == "ooo-o"
    camera.at_s += 60.0
    assert camera.looks(5) == "o-o-o"


def test_the_first_look_after_a_camera_was_away_is_made():
    camera = Camera()
    camera.looks(4)
    camera.every_second.restart()
    camera.bytes = 0
    assert camera.looks(5) == "o-o-o"


@needs_rtsp
@pytest.mark.slow
def test_none_is_spared_while_a_look_is_being_made(stop: threading.Event, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "still.mp4", images=[numbered(0)] * 300, gop=10)
    with RtspServer(clip, loop=True) as server, reading(server.url, stop, every_s=0.4) as stream:
        for _ in islice(stream, 60):
            spared = stream.stats.spared
            if spared:
                time.sleep(1.5)
                break
            stream.looked(is_still=True)
        assert stream.stats.spared == spared == 1


class Bright(Detector):
    """Sees a car in the lower right if it is bright there."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        image = picture.bgr()
        height, width = image.shape[:2]
        if image[height // 2 :, width // 2 :].mean() < 180:
            return []
        return [Detection("car", 0.9, Box(width / 2, height / 2, float(width), float(height)))]


class Looks(Counter):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, int]] = []

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self.seen.append((look.frame.media_s, len(look.detections)))


@needs_rtsp
@pytest.mark.slow
def test_a_live_camera_with_a_still_view_is_looked_at_half_as_often_until_something_comes(
    tmp_path: Path,
) -> None:
    """A key frame a second; after 16 s a car stands there."""
    empty = np.asarray(cv2.GaussianBlur(numbered(0), (0, 0), 4), np.uint8)
    parked = empty.copy()
    parked[120:, 160:] = 230
    pictures = [empty] * 160 + [parked] * 80
    clip = make_clip(tmp_path / "still.mp4", images=pictures, fps=10, gop=10)
    site, looks, stop = bench_site(tmp_path), Looks(), threading.Event()
    detector = Bright(backend="onnxruntime", threads=1, side_by_side=True)
    options = Options(every_s=1.0, tz=UTC)
    with RtspServer(clip) as server, CaseStore(tmp_path / "cases.sqlite") as store:
        (source,) = find_sources([server.url])
        watch_of = watches(store, site, detector, options, refresh_s=60.0)
        batch = Batch(detector, watch_of, options, looks, stop)
        ending = threading.Timer(21.0, stop.set)
        ending.start()
        batch.run([Job(source, site.cameras[0])])
    before = [media_s for media_s, cars in looks.seen if not cars]
    after = [media_s for media_s, cars in looks.seen if cars]
    apart = np.diff(before)
    assert source.stats.spared >= 3
    assert len(before) + source.stats.spared >= 14
    assert apart.max() < 2.5, "never two in a row"
    assert (apart[-4:] > 1.5).sum() >= 2, "every second one"
    assert after[0] - before[-1] < 2.5, "one look later at most"
    assert np.diff(after).max() < 1.5, "every one again, as the car may become an incident"
