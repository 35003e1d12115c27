"""Setting things onto streets: on the ground, in proportion, with true boxes."""

from __future__ import annotations

import numpy as np
import pytest

from cv.data.compose import Spot, goods_row, place, spot_on_ground
from cv.data.cutting import Cut
from cv.geometry import Box, iou

RED = Cut(np.full((40, 80, 3), (0, 0, 255), np.uint8), np.ones((40, 80), np.float32))


def street(value: int = 128) -> np.ndarray:
    return np.full((480, 640, 3), value, dtype=np.uint8)


def test_spots_lie_on_the_ground_and_grow_towards_the_camera() -> None:
    rng = np.random.default_rng(0)
    spots = [spot_on_ground((640, 480), [], rng, aspect=2.0, horizon=0.4) for _ in range(300)]
    found = [spot for spot in spots if spot]
    assert len(found) > 250
    assert all(0.4 * 480 < spot.y <= 480 for spot in found)
    far = [spot.width for spot in found if spot.y < 0.6 * 480]
    near = [spot.width for spot in found if spot.y > 0.85 * 480]
    assert np.median(near) > 1.5 * np.median(far)


def test_a_spot_keeps_clear_of_what_stands_there() -> None:
    rng = np.random.default_rng(0)
    car = Box(100, 200, 400, 460)
    for _ in range(100):
        spot = spot_on_ground((640, 480), [car], rng, aspect=2.0, horizon=0.4)
        if spot:
            box = Box(
                spot.x - spot.width / 2, spot.y - spot.width / 2, spot.x + spot.width / 2, spot.y
            )
            assert iou(box, car) < 0.15


def test_a_full_street_has_no_spot() -> None:
    rng = np.random.default_rng(0)
    everywhere = [Box(x, 0, x + 40, 480) for x in range(0, 640, 40)]
    assert spot_on_ground((640, 480), everywhere, rng, aspect=0.05, horizon=0.4) is None


def test_the_box_is_where_the_thing_is() -> None:
    photo = street()
    box = place(photo, RED, Spot(320, 400, 100), np.random.default_rng(0))
    assert box == Box(270, 350, 370, 400)
    redness = photo[..., 2].astype(int) - photo[..., 0]
    assert redness[355:395, 275:365].min() > 60
    assert abs(redness[:340]).max() < 10
    assert photo[402:406, 300:340].mean() < 125, "its shadow lies on the ground"


def test_what_leaves_the_photo_is_clipped_and_what_hardly_shows_is_not_set() -> None:
    photo = street()
    box = place(photo, RED, Spot(20, 400, 60), np.random.default_rng(0))
    assert box is not None
    assert (box.x1, box.x2) == (0, 50)
    before = photo.copy()
    assert place(photo, RED, Spot(-20, 400, 60), np.random.default_rng(0)) is None
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("light", [20, 230])
def test_things_take_on_the_light_of_the_street(light: int) -> None:
    grey = Cut(np.full((40, 80, 3), 128, np.uint8), np.ones((40, 80), np.float32))
    photo = street(light)
    place(photo, grey, Spot(320, 400, 100), np.random.default_rng(0))
    inside = photo[355:395, 275:365].mean()
    assert inside < 110 if light < 128 else inside > 145


def test_a_row_of_goods_is_one_box_at_the_foot_of_the_front() -> None:
    for seed in range(20):
        photo = street()
        rows = goods_row(photo, [RED], np.random.default_rng(seed))
        assert len(rows) <= 1
        for row in rows:
            assert row.y2 > 0.84 * 480
            assert row.width > row.height
