from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.detect.letterbox import GREY, input_shape, letterbox


@given(
    st.integers(1, 900), st.integers(1, 900), st.sampled_from([(640, 640), (384, 640), (64, 96)])
)
def test_the_picture_fits_in_the_middle_of_grey(
    height: int, width: int, shape: tuple[int, int]
) -> None:
    fitted = letterbox(np.full((height, width, 3), 255, np.uint8), shape)
    assert fitted.image.shape == (*shape, 3)
    white = np.argwhere(fitted.image[..., 0] == 255)
    top, left = white.min(0)
    bottom, right = shape - white.max(0) - 1
    assert abs(top - bottom) <= 1
    assert abs(left - right) <= 1
    assert min(top + bottom, left + right) <= 1
    assert set(np.unique(fitted.image)) <= {GREY, 255}


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (996, 576), (64, 64), (2160, 3840)])
def test_boxes_come_back_to_where_they_were(height: int, width: int) -> None:
    fitted = letterbox(np.zeros((height, width, 3), np.uint8), (640, 640))
    source = np.array([[10, 20, width - 5, height - 7]], np.float32)
    offset = np.array([fitted.place.left, fitted.place.top] * 2)
    there = (source * fitted.scale + offset).astype(np.float32)
    assert fitted.to_source(there, width, height) == pytest.approx(source, abs=0.01)


def test_boxes_are_clipped_to_the_picture() -> None:
    fitted = letterbox(np.zeros((100, 200, 3), np.uint8), (640, 640))
    outside = np.array([[-50, -50, 900, 900]], np.float32)
    assert fitted.to_source(outside, 200, 100).tolist() == [[0, 0, 200, 100]]


@pytest.mark.parametrize(
    ("height", "width"), [(1080, 1920), (1800, 3200), (1920, 1920), (720, 1280), (1081, 1920)]
)
def test_the_cheap_way_to_shrink_gives_what_bilinear_gives(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    fitted = letterbox(image, input_shape(width, height))
    bilinear = cv2.resize(image, (fitted.place.width, fitted.place.height))
    assert np.array_equal(fitted.inside, bilinear)
