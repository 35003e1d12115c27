"""Cut-outs are laid over a picture where and as far as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from cv.sim.layer import Layer, cover, shade


def square(corner: tuple[int, int], side: int = 4, grey: int = 200) -> Layer:
    rendered = np.full((side, side, 4), grey, np.uint8)
    rendered[..., 3] = 255
    layer = Layer.of(rendered, corner)
    assert layer
    return layer


def test_nothing_to_see_is_no_layer() -> None:
    assert Layer.of(np.zeros((4, 4, 4), np.uint8), (0, 0)) is None


def test_the_outline_goes_around_whole_pixels() -> None:
    outline = square((3, 5)).outline
    assert outline.min(axis=0) == pytest.approx([3, 5])
    assert outline.max(axis=0) == pytest.approx([7, 9])


def test_a_layer_covers_its_pixels_and_no_others_even_over_the_edge() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    cover(picture, square((8, -1)), [])
    assert (picture[:3, 8:] == 200).all()
    assert picture.sum() == 3 * 2 * 3 * 200
    cover(picture, square((30, 30)), [])
    assert picture.sum() == 3 * 2 * 3 * 200


def test_what_is_nearer_stays_in_front() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    behind, before = square((2, 2)), square((4, 2), grey=90)
    cover(picture, behind, [before])
    assert (picture[2:6, 2:4] == 200).all()
    assert (picture[2:6, 4:6] == 0).all()
    assert behind.hidden_by([before]) == pytest.approx(0.5)
    assert behind.hidden_by([]) == 0


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_moved_layer_keeps_its_foot_and_scales_about_it(scale: float) -> None:
    layer = square((10, 10), side=8)
    foot, there = np.array([14.0, 18.0]), np.array([40.0, 30.0])
    moved = layer.moved(foot, there, scale)
    assert moved.outline.max(axis=0) == pytest.approx([40 + 4 * scale, 30])
    assert moved.outline.min(axis=0) == pytest.approx([40 - 4 * scale, 30 - 8 * scale])
    picture = np.zeros((60, 60, 3), np.uint8)
    cover(picture, moved, [])
    rows, columns = np.nonzero(picture[..., 0] > 100)
    assert rows.max() + 1 == pytest.approx(30, abs=1)
    assert columns.mean() + 0.5 == pytest.approx(40, abs=0.6)
    assert np.ptp(rows) + 1 == pytest.approx(8 * scale, abs=1)


def test_a_shadow_darkens_most_under_the_thing() -> None:
    picture = np.full((60, 60, 3), 100, np.uint8)
    ground = np.array([(20.0, 20), (40, 20), (40, 40), (20, 40)])
    shade(picture, ground, 0.5, [])
    assert picture[30, 30, 0] == pytest.approx(50, abs=3)
    assert 50 < picture[30, 46, 0] < 100
    assert picture[2, 2, 0] == 100
