from __future__ import annotations

import math

import numpy as np
import pytest

from cv.train.average_precision import IOUS, average_precision, iou_matrix, match


def right(*hits: int) -> np.ndarray:
    return np.array(hits, dtype=bool)


def falling(count: int) -> np.ndarray:
    return np.linspace(0.9, 0.1, count)


def test_all_found_and_nothing_else_is_one() -> None:
    assert average_precision(falling(3), right(1, 1, 1), 3) == pytest.approx(1)


def test_half_found_counts_the_recalls_up_to_a_half() -> None:
    # Precision 1 at recalls 0, 0.01, ..., 0.50: 51 of 101 points.
    assert average_precision(falling(1), right(1), 2) == pytest.approx(51 / 101)


def test_a_false_one_between_two_right_ones() -> None:
    # Recall 0.5 at precision 1; recall 1 at precision 2/3.
    expected = (51 * 1 + 50 * 2 / 3) / 101
    assert average_precision(falling(3), right(1, 0, 1), 2) == pytest.approx(expected)


def test_precision_is_made_monotone() -> None:
    # The leading error costs: precision at recall 0.5 is 1/2, but 2/3 is reached later.
    assert average_precision(falling(3), right(0, 1, 1), 2) == pytest.approx(2 / 3)


def test_order_is_by_score_not_by_place() -> None:
    scores = np.array([0.2, 0.9])
    assert average_precision(scores, right(0, 1), 1) == pytest.approx(1)
    assert average_precision(scores, right(1, 0), 1) == pytest.approx(1 / 2)


def test_nothing_found_is_zero_and_nothing_to_find_is_not_a_number() -> None:
    assert average_precision(np.zeros(0), right(), 4) == 0
    assert average_precision(falling(2), right(0, 0), 4) == 0
    assert math.isnan(average_precision(falling(2), right(0, 0), 0))


def test_iou_of_shifted_squares() -> None:
    a = np.array([[0, 0, 10, 10]], dtype=float)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], dtype=float)
    assert iou_matrix(a, b)[0] == pytest.approx([1, 50 / 150, 0])


def test_a_true_box_is_matched_once_by_the_better_score() -> None:
    true = np.array([[0, 0, 10, 10]], dtype=float)
    found = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], dtype=float)
    assert match(iou_matrix(found, true))[:, 0].tolist() == [0, -1]


def test_a_second_detection_takes_the_other_true_box_that_it_overlaps() -> None:
    true = np.array([[0, 0, 10, 10], [2, 0, 12, 10]], dtype=float)
    found = np.array([[0, 0, 10, 10], [1, 0, 11, 10]], dtype=float)
    assert match(iou_matrix(found, true))[:, 0].tolist() == [0, 1]


def test_an_iou_of_exactly_the_threshold_is_a_match() -> None:
    true = np.array([[0, 0, 10, 10]], dtype=float)
    found = np.array([[0, 0, 10, 5]], dtype=float)  # IoU 0.5
    row = match(iou_matrix(found, true))[0]
    assert row.tolist() == [0] + [-1] * (len(IOUS) - 1)


def test_no_true_boxes_means_all_wrong() -> None:
    found = np.array([[0, 0, 10, 5]], dtype=float)
    assert match(iou_matrix(found, np.zeros((0, 4)))).tolist() == [[-1] * len(IOUS)]
