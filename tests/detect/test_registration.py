"""Where a known view lies in a picture: cameras that were turned or zoomed, others in a crowd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.detect.detector import Detector
from cv.detect.frames import Frame, find_sources, open_recording
from cv.detect.picture import Pixels
from cv.detect.recording import CHINA_TIME
from cv.detect.registration import Lies, best_fit, where
from cv.detect.view import Shown, View, ViewFault
from cv.detect.watch import CameraWatch
from cv.geometry import Image
from cv.site import Privacy
from tests.detect.test_watch import Bare, Memory, Parked, site_in

FIXED = (
    "china_highway_cctv_crash_danishgawai.mp4",
    "highway_cctv_low_res_yashbansal24.avi",
    "shopping_street_towncentre_yas-sim.mp4",
    "street_corner_traffic_light_danishgawai.mp4",
)
"""Real cameras that do not move, busy roads and a crowd before them."""


UNMOVED, ZOOMED = (1.0, 0.0, 0.0), (1.25, 0.0, 0.0)
START = datetime(2026, 3, 14, 8, tzinfo=UTC)


@pytest.fixture(scope="module", params=FIXED)
def frames(request: pytest.FixtureRequest, media: Path) -> list[Image]:
    return frames_of(media, request.param)


def frames_of(media: Path, clip: str) -> list[Image]:
    """One every two seconds."""
    (source,) = find_sources([str(media / "video" / clip)])
    with open_recording(source, every_s=2, start=None, tz=CHINA_TIME) as recording:
        return [frame.picture.bgr() for frame in recording]


def seen(frame: Image, zoom: float = 1, x: float = 0, y: float = 0) -> Image:
    """A frame's middle as the picture of a camera that was zoomed, or turned by shares of it."""
    high, wide = frame.shape[:2]
    size = (640, 640 * high // wide) if wide > high else (640 * wide // high, 640)
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), 0, zoom * size[0] / (0.72 * wide))
    matrix[:, 2] += size[0] / 2 - wide / 2 - x * size[0], size[1] / 2 - high / 2 - y * size[1]
    return np.asarray(cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_AREA), np.uint8)


def home(
    view: View, frames: list[Image], at_s: int, moved: tuple[float, float, float] = UNMOVED
) -> list[bool]:
    """Whether frames, ten seconds apart, of a camera that was moved so pass for its view.

    Args:
        moved: zoom, x and y, as for `seen`.
    """
    times = (START + timedelta(seconds=at_s + 10 * n) for n in range(len(frames)))
    return [
        view.look(seen(frame, *moved), time) is Shown.HERE
        for frame, time in zip(frames, times, strict=True)
    ]


def view_of(frame: Image) -> View:
    view = View()
    view.look(seen(frame), START)
    return view


@pytest.mark.parametrize(
    "moved",
    [(1.25, 0, 0), (0.8, 0, 0), (1, 0.1, 0), (1, -0.1, 0), (1, 0, 0.12), (1.25, 0.1, -0.05)],
)
def test_a_camera_turned_by_a_tenth_or_zoomed_by_a_quarter_shows_another_view_in_half_a_minute(
    frames: list[Image], moved: tuple[float, float, float]
) -> None:
    view = view_of(frames[0])
    later = (frames[1:] * 3)[:12]
    assert not any(home(view, later, 10, moved)[3:])
    assert view.fault is ViewFault.CHANGED
    assert all(home(view, frames[1:], 200))
    assert view.fault is None


@pytest.mark.parametrize("moved", [UNMOVED, (1.05, 0, 0), (1, 0.03, 0.02)])
def test_crowds_traffic_and_small_shakes_leave_it_the_same_view(
    frames: list[Image], moved: tuple[float, float, float]
) -> None:
    assert all(home(view_of(frames[0]), frames[1:] * 2, 10, moved))


def test_a_closer_look_for_a_moment_is_neither_another_view_nor_learnt(media: Path) -> None:
    frames = frames_of(media, "highway_cctv_low_res_yashbansal24.avi")
    view = view_of(frames[0])
    for begin_s in range(10, 10_000, 100):
        assert all(home(view, frames[1:4], begin_s, ZOOMED))
        assert all(home(view, frames[4:8], begin_s + 30))
    assert not any(home(view, frames[1:10], 10_010, ZOOMED)[3:])


@pytest.mark.media
@pytest.mark.parametrize(
    "clip",
    ["highway_cctv_low_res_yashbansal24.avi", "street_corner_traffic_light_danishgawai.mp4"],
)
def test_a_patrol_of_a_camera_that_was_turned_a_little_clears_nothing_by_being_restarted(
    media: Path, tmp_path: Path, clip: str
) -> None:
    site, memory = site_in(tmp_path, dwell_s=1200), Memory()
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    frames = [frame for frame in frames_of(media, clip)[:4] for _ in range(2)]

    def run(detector: Detector, rounds: range, x: float = 0) -> None:
        watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=600)
        for n in rounds:
            time = START + timedelta(minutes=10 * n)
            watch.look(Frame(Pixels(seen(frames[n % 8], x=x)), time, 600.0 * n, n))
        watch.close()

    parked, bare = Parked(backend="onnxruntime"), Bare(backend="onnxruntime")
    run(parked, range(6))
    run(bare, range(6, 10), x=0.1)
    for n in range(10, 13):
        run(bare, range(n, n + 1), x=0.1)
    assert memory.events == ["new"]
    run(bare, range(13, 20))
    assert memory.events == ["new", "cleared"], "it is back, and the car is gone"


def noise_edges() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rng = np.random.default_rng(4)
    edges = rng.normal(0, 1, (108, 192, 2)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(edges, (0, 0), 3), np.float32)


def test_zoom_and_shift_are_found() -> None:
    edges = noise_edges()
    whole = edges[27:81, 48:144]
    shifted = edges[32:86, 38:134]
    score, zoom, x, y = best_fit(whole, shifted)
    assert score > 0.7
    assert zoom == 1
    assert (x, y) == pytest.approx((10 / 96, -5 / 54), abs=0.02)
    wider = np.asarray(cv2.resize(edges[20:88, 36:156], (96, 54)), np.float32)
    assert best_fit(whole, wider).zoom == pytest.approx(0.8)
    assert best_fit(wider, whole).zoom == pytest.approx(1.25)


def test_unrelated_edges_fit_nowhere() -> None:
    edges = noise_edges()
    assert where(edges[:54, :96], edges[54:, 96:]) is Lies.UNCLEAR
