"""Cut-outs: heap-shaped rubble, and things told from what is around them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cv.data.cutting import cut_heap, cut_object, profile


@pytest.mark.parametrize("seed", range(20))
def test_a_heap_s_outline_rises_and_falls(seed: int) -> None:
    heights = profile(np.random.default_rng(seed), 200)
    assert heights.max() == 1
    assert heights.min() >= 0
    assert heights[0] < 0.6
    assert heights[-1] < 0.6


@pytest.mark.parametrize("seed", range(20))
def test_a_heap_fills_its_box_from_the_foot_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cut = cut_heap(rng.integers(0, 255, (300, 500, 3), dtype=np.uint8), rng)
    solid = cut.alpha > 0.5
    assert cut.alpha.shape == cut.image.shape[:2]
    for edge in (solid[0], solid[-1], solid[:, 0], solid[:, -1]):
        assert edge.any(), "its box is tight"
    height = len(solid)
    assert solid[height // 2 :].mean() > solid[: height // 2].mean(), "wider below"
    assert 0.3 < solid.mean() < 0.95


def street_with_cart() -> np.ndarray:
    """A red disc before a grey, slightly noisy street."""
    photo = np.random.default_rng(1).normal(120, 4, (300, 400, 3)).clip(0, 255).astype(np.uint8)
    cv2.circle(photo, (200, 150), 60, (30, 30, 200), -1)
    return photo


def test_a_thing_is_told_from_the_street() -> None:
    cut = cut_object(street_with_cart(), (135, 85, 266, 216))
    assert cut is not None
    height, width = cut.alpha.shape
    assert abs(height - 121) <= 3
    assert abs(width - 121) <= 3
    assert (cut.alpha > 0.5).mean() == pytest.approx(np.pi / 4, abs=0.04)
    assert cut.alpha[height // 2, width // 2] == pytest.approx(1)
    assert cut.alpha[0, 0] < 0.1


def test_what_looks_like_its_surroundings_is_not_cut() -> None:
    street = np.full((300, 400, 3), 120, dtype=np.uint8)
    assert cut_object(street, (100, 100, 200, 200)) is None


def test_what_is_too_small_or_fills_the_photo_is_not_cut() -> None:
    photo = street_with_cart()
    assert cut_object(photo, (190, 140, 210, 160)) is None
    assert cut_object(photo[90:210, 140:260].copy(), (0, 0, 120, 120)) is None
