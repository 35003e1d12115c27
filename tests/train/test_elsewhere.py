"""Thresholds, counted in places that did not choose them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cv.labels import LABELS
from cv.train.detections import Found
from cv.train.elsewhere import Elsewhere, elsewhere
from cv.train.scoring import score
from cv.train.thresholds import choose_threshold
from tests.train.found import found

NEAR, FAR = (100, 100, 300, 300), (400, 400, 420, 420)
CAR = LABELS.index("car")


def places(count: int, seed: int = 1) -> list[Found]:
    """A place each, with a car; what is found there is right as often as it is sure."""
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(count):
        sure = float(rng.uniform(0.25, 1))
        box = NEAR if rng.uniform() < sure else FAR
        photos.append(
            found([("car", NEAR)], [("car", box, sure)], source=f"p{number}", image=Path("a.png"))
        )
    return photos


def test_what_chose_the_threshold_flatters_it() -> None:
    here, other = [], []
    for seed in range(8):
        photos = places(40, seed)
        here.append(choose_threshold(score(photos).labels[CAR]).precision)
        other.append(elsewhere(photos)["car"].precision)
    assert np.mean(other) < np.mean(here) - 0.02


def test_a_threshold_that_is_right_everywhere_is_right_elsewhere() -> None:
    photos = [
        found([("car", NEAR)], [("car", NEAR, 0.8), ("car", FAR, 0.1)], source=f"p{n}")
        for n in range(60)
    ]
    counted = elsewhere(photos)
    assert counted["car"].precision == counted["car"].recall == 1
    assert counted["car"].boxes == 600, "each photo counts once in each of ten halvings"
    assert math.isnan(counted["bus"].precision)
    assert Elsewhere.sum(counted.values()) == counted["car"]


def test_one_place_is_never_on_both_sides() -> None:
    """All its photos choose together, so none of them is counted by what another one chose."""
    one = [found([("car", NEAR)], [("car", FAR, 0.9)], source="one") for _ in range(30)]
    assert elsewhere(one)["car"].found == pytest.approx(300), "by the default, which nobody chose"
