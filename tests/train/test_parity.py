from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cv.data.reading import read_sources
from cv.geometry import Image
from cv.train.detections import Floats
from cv.train.parity import check_parity, compare_rows


def rows(*values: tuple[float, ...]) -> Floats:
    return np.array(values, dtype=np.float32).reshape(-1, 6)


A = (10, 10, 50, 50, 0.8, 8)
B = (60, 60, 90, 90, 0.5, 4)


def test_order_does_not_matter() -> None:
    assert compare_rows(rows(A, B), rows(B, A)) == (0, 0)


def test_the_largest_differences_are_told() -> None:
    moved = (10.5, 10, 50, 50, 0.805, 8)
    box, score = compare_rows(rows(A, B), rows(moved, B))
    assert box == pytest.approx(0.5)
    assert score == pytest.approx(0.005)


def test_another_label_is_no_partner() -> None:
    assert compare_rows(rows(A), rows((*A[:5], 9))) == (np.inf, np.inf)
    assert compare_rows(rows(A), rows()) == (np.inf, np.inf)


def test_weak_detections_are_not_compared() -> None:
    assert compare_rows(rows((10, 10, 50, 50, 0.05, 8)), rows()) == (0, 0)


@pytest.mark.media
class TestOnPhotos:
    """`reference` boxes the brightest spots; candidates differ from it in one thing each."""

    @staticmethod
    def reference(image: Image) -> Floats:
        height, width = image.shape[:2]
        bright = image.mean(axis=2) / 255
        spots = [(y, x) for y in range(40, height - 40, 80) for x in range(40, width - 40, 80)]
        return rows(*((x - 30, y - 30, x + 30, y + 30, bright[y, x], 8) for y, x in spots))

    def test_equal_networks_pass_at_both_input_shapes(self, few_photos: Path) -> None:
        samples = read_sources(few_photos)
        result = check_parity(samples, self.reference, {"onnxruntime": self.reference})
        assert [row.shape for row in result] == [(640, 640), (384, 640)]
        assert all(row.passed and row.compared > 100 for row in result)

    @pytest.mark.parametrize("change", [(1.5, 0.0), (0.0, 0.02)])
    def test_a_moved_box_or_score_fails(
        self, few_photos: Path, change: tuple[float, float]
    ) -> None:
        def other(image: Image) -> Floats:
            given = self.reference(image)
            given[:, 0] += change[0]
            given[:, 4] -= change[1]
            return given

        result = check_parity(read_sources(few_photos), self.reference, {"onnxruntime": other})
        assert not any(row.passed for row in result)

    def test_a_lost_detection_fails(self, few_photos: Path) -> None:
        def other(image: Image) -> Floats:
            given = self.reference(image)
            return given[np.arange(len(given)) != given[:, 4].argmax()]

        result = check_parity(read_sources(few_photos), self.reference, {"onnxruntime": other})
        assert all(row.missing and not row.passed for row in result)
