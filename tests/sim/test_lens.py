"""The simulated camera obeys geometry that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon, box

from cv.sim.lens import Lens

SIZE = (1280, 720)


def lens(*, tilt: float = 30.0, pan: float = 0.0, distortion: float = 0.0) -> Lens:
    return Lens(
        SIZE, height_m=6.0, tilt_deg=tilt, pan_deg=pan, field_deg=90.0, distortion=distortion
    )


def pixel(camera: Lens, *point: float) -> list[float]:
    return [float(value) for value in camera.project(np.array([point]))[0]]


def test_the_optical_axis_meets_the_ground_in_the_middle() -> None:
    # Six metres up, 30 degrees down: 6 / tan 30 = 10.39 m away.
    assert pixel(lens(), 0, 6 / np.tan(np.radians(30)), 0) == pytest.approx([640, 360])
    turned = lens(pan=45)
    away = 6 / np.tan(np.radians(30)) / np.sqrt(2)
    assert pixel(turned, away, away, 0) == pytest.approx([640, 360])


def test_right_is_right_up_is_up_and_far_is_high() -> None:
    x, y = pixel(lens(), 0, 10, 0)
    assert pixel(lens(), 1, 10, 0)[0] > x
    assert pixel(lens(), 0, 10, 1)[1] < y
    assert pixel(lens(), 0, 20, 0)[1] < y


def test_ninety_degrees_see_as_wide_as_far() -> None:
    level = lens(tilt=0.0)
    assert pixel(level, 10, 10, 6) == pytest.approx([1280, 360])
    assert level.depth(np.array([[3.0, 10.0, 6.0]])) == pytest.approx([10])


def test_a_barrel_draws_the_edges_in() -> None:
    straight, barrel = lens(), lens(distortion=-0.1)
    assert pixel(barrel, 8, 10, 0)[0] < pixel(straight, 8, 10, 0)[0]


@pytest.mark.parametrize("distortion", [-0.07, -0.01, 0.3])
def test_a_bent_picture_can_be_unbent_to_its_corners(distortion: float) -> None:
    camera = lens(distortion=distortion)
    assert camera.least_distortion == pytest.approx(-4 / 27 / (1 + 0.5625**2))
    corners = np.array([[0.0, 0], [1280, 0], [1280, 720], [0, 720]])
    assert camera.bent(camera.unbent(corners)) == pytest.approx(corners, abs=1e-4)


def test_the_strongest_barrel_still_has_corners() -> None:
    camera = lens(distortion=0.995 * lens().least_distortion)
    corner = np.array([[0.0, 0.0]])
    assert camera.bent(camera.unbent(corner)) == pytest.approx(corner, abs=1e-3)


def test_a_zone_is_cut_off_where_the_picture_ends() -> None:
    corners = [(-40.0, 20.0), (0.0, 9.0), (0.0, 20.0)]
    polygon = Polygon(lens().polygon(corners))
    whole = Polygon(lens().project(np.array([(*c, 0.0) for c in corners])) / SIZE)
    inside = whole.intersection(box(0, 0, 1, 1))
    assert inside.area < 0.8 * whole.area
    assert polygon.symmetric_difference(inside).area < 1e-6


def test_a_zone_on_the_ground_is_a_polygon_in_the_picture() -> None:
    polygon = lens().polygon([(-2, 8), (2, 8), (2, 14), (-2, 14)])
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in polygon)
    nearest = max(y for _, y in polygon)
    widths = [x for x, y in polygon if y == pytest.approx(nearest)]
    assert max(widths) - min(widths) == pytest.approx(2 * 2 / 2 / (8 * 0.866 + 6 * 0.5), rel=1e-2)
