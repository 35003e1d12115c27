"""What is taken for what, and false alarms on clean photos."""

from __future__ import annotations

import math

from cv.labels import LABELS
from cv.train.mistakes import NOTHING, confusion, false_alarms
from tests.train.found import found

A, B = (100, 100, 200, 200), (300, 300, 400, 400)
HALF = dict.fromkeys(LABELS, 0.5)
CAR, TRUCK, PERSON = (LABELS.index(label) for label in ("car", "truck", "person"))


def cells(*photos: object) -> dict[tuple[int, int], int]:
    matrix = confusion(photos, HALF)  # type: ignore[arg-type]
    return {
        (row, column): int(matrix[row, column])
        for row in range(NOTHING + 1)
        for column in range(NOTHING + 1)
        if matrix[row, column]
    }


def test_right_wrong_missed_and_made_up() -> None:
    photo = found([("car", A), ("truck", B)], [("car", A, 0.9), ("car", B, 0.8)])
    assert cells(photo) == {(CAR, CAR): 1, (TRUCK, CAR): 1}
    assert cells(found([("car", A)], [("car", B, 0.8)])) == {(CAR, NOTHING): 1, (NOTHING, CAR): 1}


def test_what_is_below_its_threshold_is_not_found() -> None:
    assert cells(found([("car", A)], [("car", A, 0.4)])) == {(CAR, NOTHING): 1}


def test_the_own_label_goes_before_a_better_score_of_another() -> None:
    photo = found([("car", A)], [("truck", A, 0.9), ("car", A, 0.6)])
    assert cells(photo) == {(CAR, CAR): 1, (NOTHING, TRUCK): 1}


def test_labels_that_are_not_complete_make_no_mistakes() -> None:
    rider = found([("car", A)], [("person", A, 0.9)], complete=["car"])
    assert cells(rider) == {(CAR, NOTHING): 1}
    unsure = found([("person", A)], [], complete=["car"])
    assert cells(unsure) == {}


def test_false_alarms_are_counted_on_clean_photos_only() -> None:
    photos = [
        found([("car", A)], [("car", B, 0.9)]),  # wrong, but there are cars
        found([], [("car", A, 0.9), ("car", B, 0.6), ("truck", A, 0.4)]),
        found([], []),
        found([], [("car", A, 0.9)], complete=["truck"]),  # there may be cars
    ]
    rows = {row.label: row for row in false_alarms(photos, HALF)}
    assert (rows["car"].photos, rows["car"].alarms, rows["car"].per_photo) == (2, 2, 1.0)
    assert (rows["truck"].photos, rows["truck"].alarms) == (4, 0)
    assert math.isnan(false_alarms([], HALF)[0].per_photo)
