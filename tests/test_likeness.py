"""Photos that look the same have hashes that nearly agree; others do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cv.likeness import NEAR, difference_hash, near_pairs


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)


def versions(image: np.ndarray) -> dict[str, np.ndarray]:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return {
        "compressed": cv2.imdecode(data, cv2.IMREAD_COLOR),
        "smaller": cv2.resize(image, (200, 150), interpolation=cv2.INTER_AREA),
        "brighter": cv2.convertScaleAbs(image, alpha=0.9, beta=20),
    }


@pytest.mark.parametrize("seed", range(10))
def test_versions_of_a_photo_are_near_it(seed: int) -> None:
    image = picture(seed)
    for name, version in versions(image).items():
        assert near_pairs([difference_hash(image)], [difference_hash(version)]) == [(0, 0)], name


def test_different_photos_are_far_apart() -> None:
    hashes = [difference_hash(picture(seed)) for seed in range(40)]
    assert near_pairs(hashes, hashes, within=12) == [(i, i) for i in range(40)]


def test_pairs_are_counted_in_bits() -> None:
    assert near_pairs([0, 2**63], [0b1111, 0b11111]) == [(0, 0)]
    assert near_pairs([0], [2**NEAR - 1], within=NEAR - 1) == []
    assert near_pairs([], [1]) == near_pairs([1], []) == []
