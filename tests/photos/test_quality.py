"""What is wrong with a picture is said, and nothing about one in order."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.detect.detector import Detection
from cv.detect.photo import Photo
from cv.geometry import Box
from cv.photos.quality import Quality, measure_quality, reduced_grey

SEEN = [Detection("car", 0.9, Box(10, 10, 90, 90))]


def quality(image: np.ndarray, seen: list[Detection] = SEEN) -> Quality:
    height, width = image.shape[:2]
    photo = Photo(image, None, None, None, "image/jpeg", "0" * 64, width, height)
    return measure_quality(photo, reduced_grey(photo.image), seen)


def on_a_screen(image: np.ndarray) -> np.ndarray:
    """A camera's view of a screen: stripes of sub-pixels, turned by 5 degrees, compressed."""
    cell = 6
    middle = image[:240, :320]
    large = np.repeat(np.repeat(middle, cell, 0), cell, 1).astype(np.float32)
    column = np.arange(large.shape[1]) % cell
    grid = np.full(large.shape, 0.25, np.float32)
    for channel, start in ((2, 0), (1, 2), (0, 4)):
        grid[:, (column >= start) & (column < start + 2), channel] = 1.6
    grid[np.arange(large.shape[0]) % cell == cell - 1] *= 0.5
    seen = cv2.GaussianBlur(np.clip(large * grid, 0, 255), (0, 0), 1.5)
    turn = cv2.getRotationMatrix2D((large.shape[1] / 2, large.shape[0] / 2), 5, 1.9 / cell)
    turn[:, 2] += (200 - large.shape[1] / 2, 200 - large.shape[0] / 2)
    photo = cv2.warpAffine(seen, turn, (400, 400), borderMode=cv2.BORDER_REFLECT)
    data = cv2.imencode(".jpg", photo.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def streets(media: Path) -> list[np.ndarray]:
    files = sorted((media / "data").glob("*/images/*.webp"))[::150]
    images = [cv2.imread(str(file)) for file in files]
    return [image for image in images if min(image.shape[:2]) >= 320]


@pytest.mark.media
def test_street_photos_are_in_order_and_blurred_dark_and_refilmed_ones_are_not(
    streets: list[np.ndarray],
) -> None:
    plain = [quality(image) for image in streets]
    assert len(plain) >= 15
    for fault in ("blurred", "dark", "too_small", "screen_recapture", "no_object"):
        assert sum(getattr(q, fault) for q in plain) <= 1, fault
    blurred = [cv2.GaussianBlur(i, (0, 0), 0.006 * max(i.shape[:2])) for i in streets]
    assert sum(quality(i).blurred for i in blurred) >= 0.9 * len(streets)
    assert all(quality((i * 0.12).astype(np.uint8)).dark for i in streets)
    refilmed = [quality(on_a_screen(image)).screen_recapture for image in streets]
    assert sum(refilmed) >= 0.5 * len(streets)


def test_small_and_empty_pictures_are_told() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 700, 3)).astype(np.uint8)
    small = quality(noise, [])
    assert small.too_small
    assert small.no_object
    assert small.peak is None, "too small for a spectrum"
    assert not quality(np.tile(noise, (2, 1, 1))).too_small


def test_a_picture_of_one_colour_is_dark_or_bright_and_no_screen() -> None:
    for shade in (0, 255):
        flat = quality(np.full((400, 400, 3), shade, np.uint8))
        assert flat.dark == (shade == 0)
        assert not flat.screen_recapture
