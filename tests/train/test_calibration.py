"""Scores and the share that is right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cv.train.calibration import Calibration, calibrate
from cv.train.scoring import LabelScore, Scores


def calibration(pairs: list[tuple[float, bool]]) -> Calibration:
    scores = np.array([score for score, _ in pairs], dtype=np.float32)
    right = np.array([hit for _, hit in pairs], dtype=np.bool_)
    row = LabelScore("car", 10, 10, 0.5, 0.5, scores, right)
    together, labels = calibrate(Scores((row,), 0.5, 0.5))
    assert together.bins == labels["car"].bins
    return together


def test_a_score_that_means_what_it_says_has_no_error() -> None:
    result = calibration([(0.75, n < 3) for n in range(4)] + [(0.25, n < 1) for n in range(4)])
    assert result.ece == pytest.approx(0)
    assert [(b.count, b.precision) for b in result.bins] == [(4, 0.25), (4, 0.75)]


def test_the_error_is_weighted_by_count() -> None:
    # Off by 0.1 three times, by 0.45 once.
    result = calibration([(0.9, True)] * 3 + [(0.45, False)])
    assert result.ece == pytest.approx((3 * 0.1 + 0.45) / 4)


def test_a_score_of_one_is_in_the_last_bin() -> None:
    assert [b.count for b in calibration([(1.0, True), (0.95, True)]).bins] == [2]


def test_weak_detections_do_not_count() -> None:
    result = calibration([(0.05, False)] * 9)
    assert result.bins == ()
    assert math.isnan(result.ece)
