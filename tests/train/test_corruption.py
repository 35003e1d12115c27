"""Corruptions change what a picture looks like and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from cv.train.corruption import CORRUPTIONS, Corrupt


def picture() -> np.ndarray:
    rng = np.random.default_rng(5)
    coarse = rng.integers(40, 216, (24, 32, 3)).astype(np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_picture_changes_and_stays_a_picture(corruption, seed: int) -> None:
    before = picture()
    after = corruption(before.copy(), np.random.default_rng(seed))
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    difference = np.abs(after.astype(int) - before).mean()
    assert difference > 0.5
    related = np.corrcoef(after.ravel(), before.ravel())[0, 1]
    assert related > 0.5, "what was there can still be seen"


def test_a_share_of_pictures_is_corrupted_and_the_boxes_stay() -> None:
    np.random.seed(0)
    corrupt = Corrupt(0.3)
    boxes = np.array([[1, 2, 3, 4]])
    changed = 0
    for _ in range(200):
        labels = {"img": picture(), "instances": boxes}
        result = corrupt(labels)
        assert result["instances"] is boxes
        changed += not np.array_equal(result["img"], picture())
    assert 35 <= changed <= 85


def test_none_are_corrupted_when_the_share_is_zero() -> None:
    corrupt = Corrupt(0.0)
    assert all(np.array_equal(corrupt({"img": picture()})["img"], picture()) for _ in range(50))
