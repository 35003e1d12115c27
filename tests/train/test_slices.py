"""Scores of parts of the photos."""

from __future__ import annotations

import math

import pytest

from cv.labels import LABELS
from cv.train.scoring import score
from cv.train.slices import by_light, by_size, by_source
from tests.train.found import found

NEAR, FAR = (100, 100, 300, 300), (400, 400, 420, 420)
CAR, TRUCK = LABELS.index("car"), LABELS.index("truck")


def test_a_label_counts_only_where_it_is_complete() -> None:
    complete = found([("car", NEAR)], [("car", NEAR, 0.9)], complete=["car"])
    other = found([("car", NEAR)], [("truck", FAR, 0.9)], complete=["truck"])
    rows = score([complete, other]).labels
    assert (rows[CAR].images, rows[CAR].boxes, rows[CAR].ap50) == (1, 1, 1.0)
    assert (rows[TRUCK].images, rows[TRUCK].boxes) == (1, 0)
    assert rows[TRUCK].right.tolist() == [False]


def test_each_source_is_scored_alone() -> None:
    photos = [
        found([("car", NEAR)], [("car", NEAR, 0.9)], source="good"),
        found([("car", NEAR)], [("car", FAR, 0.9)], source="bad"),
    ]
    scores = by_source(photos)
    assert {name: part.labels[CAR].ap50 for name, part in scores.items()} == {"bad": 0, "good": 1}


def test_dark_photos_are_night() -> None:
    photos = [
        found([("car", NEAR)], [("car", NEAR, 0.9)], brightness=0.5),
        found([("car", NEAR)], brightness=0.1),
    ]
    light = by_light(photos)
    assert {name: photos for name, (photos, _) in light.items()} == {"day": 1, "night": 1}
    assert light["day"][1].ap50 == 1
    assert light["night"][1].ap50 == 0


class TestSizes:
    def test_boxes_are_sorted_by_their_size_in_the_input(self) -> None:
        photo = found([("car", NEAR), ("car", FAR)], [("car", NEAR, 0.9)])
        scores = {row.size: (row.boxes, row.ap50) for row in by_size([photo])}
        assert scores == {"small": (1, 0), "large": (1, 1)}

    def test_what_finds_a_box_of_another_size_counts_neither_way(self) -> None:
        # The wrong one comes first; it would halve the precision of the large ones.
        photo = found([("car", NEAR), ("car", FAR)], [("car", FAR, 0.95), ("car", NEAR, 0.9)])
        assert {row.size: row.ap50 for row in by_size([photo])} == {"small": 1, "large": 1}

    def test_of_two_boxes_that_fit_the_one_of_this_size_is_found(self) -> None:
        medium, large = (100, 100, 190, 190), (100, 100, 200, 200)
        photo = found([("car", medium), ("car", large)], [("car", (100, 100, 198, 198), 0.9)])
        assert {row.size: row.ap50 for row in by_size([photo])} == {"medium": 1, "large": 1}

    def test_what_finds_nothing_counts_where_it_belongs(self) -> None:
        photo = found([("car", NEAR)], [("car", (400, 400, 600, 600), 0.95), ("car", NEAR, 0.9)])
        small_one = found([("car", NEAR)], [("car", FAR, 0.95), ("car", NEAR, 0.9)])
        assert [row.ap50 for row in by_size([photo])] == [pytest.approx(0.5)]
        assert [row.ap50 for row in by_size([small_one])] == [1]


def test_no_photos_have_no_scores() -> None:
    assert math.isnan(score([]).ap50)
    assert by_size([]) == []
    assert by_source([]) == {}
