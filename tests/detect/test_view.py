"""A camera that was turned is noticed; buses, nightfall and wind are not taken for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cv.detect.view import View, zones_mark
from cv.geometry import Image
from cv.labels import ZoneKind
from cv.site import Camera, Zone


@pytest.fixture(scope="module")
def wide() -> Image:
    """A street's worth of edges, wider than the picture."""
    rng = np.random.default_rng(3)
    picture = np.full((720, 1800, 3), 120, np.uint8)
    for _ in range(160):
        x, y = rng.integers(0, 1800), rng.integers(0, 720)
        size = rng.integers(20, 160, 2)
        grey = [int(value) for value in rng.integers(30, 220, 3)]
        cv2.rectangle(picture, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), grey, -1)
    return picture


def seen(wide: Image, x: int = 200, y: int = 0) -> Image:
    return np.ascontiguousarray(np.roll(wide, -y, axis=0)[:, x : x + 1280])


def looks(view: View, *pictures: Image) -> list[bool]:
    return [view.look(picture) for picture in pictures]


def test_a_turned_camera_is_noticed_at_once_and_believed_at_the_third_look(wide: Image) -> None:
    view = View()
    assert all(looks(view, *[seen(wide)] * 5))
    moved = []
    for _ in range(4):
        assert not view.look(seen(wide, 360))
        moved.append(view.moved)
    assert moved == [False, False, True, True]
    assert view.look(seen(wide))
    assert not view.moved


def test_one_odd_picture_is_no_fault(wide: Image) -> None:
    view = View()
    assert looks(view, seen(wide), seen(wide, 500), seen(wide)) == [True, False, True]
    assert not view.moved


def test_what_is_no_other_view(wide: Image) -> None:
    rng = np.random.default_rng(5)
    day = seen(wide)
    bus = day.copy()
    bus[200:, 300:800] = (40, 60, 190)
    noisy = np.clip(day + rng.normal(0, 12, day.shape), 0, 255).astype(np.uint8)
    dim = (day * 0.35).astype(np.uint8)
    negative = 255 - day  # an infrared lamp turns dark things light
    shaken = seen(wide, 206, 4)
    view = View()
    assert all(looks(view, day, bus, day, noisy, dim, negative, shaken, day))


def test_of_a_picture_without_edges_nobody_knows(wide: Image) -> None:
    view = View()
    black = np.zeros((720, 1280, 3), np.uint8)
    assert all(looks(view, seen(wide), black, black, black, black, seen(wide)))
    for _ in range(3):
        view.look(seen(wide, 500))
    assert view.moved
    assert not view.look(black)  # and a fault does not end in the dark


def test_dusk_is_followed(wide: Image) -> None:
    """The known view follows slowly: in the end, lamps give other edges than the sun did."""
    rng = np.random.default_rng(7)
    lit = seen(wide).copy()
    for _ in range(60):
        x, y = (int(value) for value in rng.integers(0, (1280, 720)))
        cv2.circle(lit, (x, y), 60, [int(value) for value in rng.integers(0, 255, 3)], -1)
    view, night = View(), lit.astype(float)
    for share in np.linspace(0, 1, 120):
        assert view.look((seen(wide) * (1 - share) + night * share).astype(np.uint8))


def test_a_restart_knows_the_view(wide: Image) -> None:
    first, second, third = View(), View(), View()
    first.look(seen(wide))
    second.restore(first.dump())
    assert second.look(seen(wide))
    assert not second.look(seen(wide, 500))
    third.restore(None)
    assert third.look(seen(wide, 500))


def test_any_resolution_shows_the_same_view(wide: Image) -> None:
    view = View()
    small = np.asarray(cv2.resize(seen(wide), (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    assert all(looks(view, seen(wide), small))


def test_zones_drawn_anew_have_another_mark() -> None:
    def camera(right: float) -> Camera:
        corners = ((0.0, 0.0), (right, 0.0), (1.0, 1.0))
        return Camera(id="a", name="A", zones=(Zone("z", "Z", ZoneKind.LANE, corners),))

    assert zones_mark(camera(1.0)) == zones_mark(camera(1.0))
    assert zones_mark(camera(1.0)) != zones_mark(camera(0.9))
