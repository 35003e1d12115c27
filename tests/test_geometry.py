from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.geometry import Box, iou, iou_pairs, overlap, pixel_polygon

sides = st.floats(1, 500)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), st.floats(0, 500), st.floats(0, 500), sides, sides
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_0_and_1(a: Box, b: Box) -> None:
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0 <= iou(a, b) <= 1 + 1e-9


@given(boxes)
def test_a_box_overlaps_itself_wholly(box: Box) -> None:
    assert iou(box, box) == pytest.approx(1)


def test_iou_is_the_shared_area_over_the_whole_and_0_at_an_edge() -> None:
    assert iou(Box(0, 0, 10, 10), Box(5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert iou(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0


def test_overlap_is_the_share_of_the_box_inside_the_zone() -> None:
    left_half = pixel_polygon([(0, 0), (0.5, 0), (0.5, 1), (0, 1)], 200, 100)
    assert overlap(Box(0, 0, 50, 50), left_half) == pytest.approx(1)
    assert overlap(Box(75, 0, 125, 50), left_half) == pytest.approx(0.5)
    assert overlap(Box(150, 0, 200, 50), left_half) == 0


def test_an_object_on_a_border_counts_by_its_share_in_each_zone() -> None:
    box = Box(90, 0, 130, 10)
    left = pixel_polygon([(0, 0), (0.5, 0), (0.5, 1), (0, 1)], 200, 100)
    right = pixel_polygon([(0.5, 0), (1, 0), (1, 1), (0.5, 1)], 200, 100)
    assert overlap(box, left) == pytest.approx(0.25)
    assert overlap(box, right) == pytest.approx(0.75)


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6), st.floats(0, 20))
def test_iou_pairs_are_all_that_overlap_in_order(a: list[Box], b: list[Box], grow: float) -> None:
    def grown(box: Box) -> Box:
        return Box(box.x1 - grow, box.y1 - grow, box.x2 + grow, box.y2 + grow)

    table = {
        (i, j): iou(grown(one), grown(other))
        for i, one in enumerate(a)
        for j, other in enumerate(b)
    }
    expected = {place: share for place, share in table.items() if share > 0}
    found = iou_pairs(a, b, grow)
    assert [(i, j) for i, j, _ in found] == sorted(expected)
    assert {(i, j): share for i, j, share in found} == pytest.approx(expected)
