from __future__ import annotations

import numpy as np
import pytest

from cv.train.scoring import LabelScore
from cv.train.thresholds import DEFAULT, choose_threshold


def label_score(pairs: list[tuple[float, bool]], boxes: int) -> LabelScore:
    scores = np.array([score for score, _ in pairs], dtype=np.float32)
    right = np.array([hit for _, hit in pairs], dtype=bool)
    return LabelScore("car", 50, boxes, 0.5, 0.3, scores, right)


def test_the_lowest_score_with_the_stated_precision_is_chosen() -> None:
    pairs = [(0.9 - 0.02 * n, True) for n in range(18)]  # down to 0.56
    pairs += [(0.5, False), (0.48, True), (0.46, False), (0.4, False), (0.39, False), (0.3, False)]
    chosen = choose_threshold(label_score(pairs, 20))
    # 19 of 21 right at 0.46, 19 of 22 (0.864) at 0.40, 19 of 23 (0.826) at 0.39.
    assert chosen.why == "precision"
    assert chosen.score == pytest.approx(0.40, abs=0.001)
    assert chosen.precision == pytest.approx(19 / 22)
    assert chosen.recall == pytest.approx(19 / 20)


def test_what_rounding_lets_in_is_counted_before_a_score_is_chosen() -> None:
    """Written as 0.464 the threshold of the last right one would take the wrong ones below it."""
    pairs = [(0.9 - 0.01 * n, n != 5) for n in range(20)]
    pairs += [(0.4647, True), *((0.4646 - 0.0001 * n, False) for n in range(5))]
    chosen = choose_threshold(label_score(pairs, 22))
    assert chosen.why == "precision"
    assert chosen.score == pytest.approx(0.71 - 0.01)
    assert chosen.precision == pytest.approx(19 / 20)
    rng = np.random.default_rng(5)
    for _ in range(200):
        scores = rng.uniform(0.2, 0.7, 60)
        row = label_score([(s, bool(rng.random() < 0.6 + 0.4 * s)) for s in scores], 60)
        chosen = choose_threshold(row)
        assert chosen.why == "f0.5" or chosen.precision >= 0.85


def test_where_precision_would_cost_most_of_the_recall_the_best_f05_is_chosen() -> None:
    pairs = [(0.65, True)] + [(0.6 - 0.01 * n, n % 3 != 0) for n in range(30)]
    chosen = choose_threshold(label_score(pairs, 22))
    assert chosen.why == "f0.5"
    assert chosen.precision < 0.85
    assert chosen.recall > 0.8


def test_few_boxes_fall_back_to_the_default() -> None:
    chosen = choose_threshold(label_score([(0.9, True)] * 9, 9))
    assert (chosen.score, chosen.why) == (DEFAULT, "default")


def test_nothing_right_falls_back_to_the_default() -> None:
    chosen = choose_threshold(label_score([(0.9, False)] * 30, 30))
    assert (chosen.score, chosen.why) == (DEFAULT, "default")


def test_what_the_highest_threshold_leaves_imprecise_is_not_called_precise() -> None:
    pairs = [(0.9, True)] * 17 + [(0.75, False)] * 20
    chosen = choose_threshold(label_score(pairs, 20))
    assert (chosen.score, chosen.why) == (pytest.approx(0.7), "highest")
    assert chosen.precision == pytest.approx(17 / 37)


def test_thresholds_stay_between_their_limits() -> None:
    sure = choose_threshold(label_score([(0.95, True)] * 20, 20))
    weak = choose_threshold(label_score([(0.05, True)] * 20 + [(0.21, True)], 20))
    assert (sure.score, sure.why) == (pytest.approx(0.7), "precision")
    assert weak.score >= 0.2
