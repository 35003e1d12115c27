"""Heads and plates are unrecognisable in what leaves."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from cv.detect.detector import Detector
from cv.detect.masking import MaskCounts, head_region, mask, pixelate, plate_region
from cv.geometry import Box, Image


def noise(height: int = 200, width: int = 300) -> Image:
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)


def colours(image: Image, region: Box) -> int:
    """Different colours in a region: a few blocks, or a picture."""
    x1, y1, x2, y2 = (int(edge) for edge in region)
    return len(np.unique(image[y1:y2, x1:x2].reshape(-1, 3), axis=0))


@pytest.mark.parametrize("box", [Box(50, 40, 110, 100), Box(0, 0, 12, 9), Box(100, 20, 290, 60)])
def test_a_masked_region_keeps_only_a_few_blocks(box: Box) -> None:
    image = noise()
    before = image.copy()
    assert pixelate(image, box)
    assert colours(image, box) <= 6 * round(6 * max(box.width, box.height) / min(box[2:]) + 30)
    outside = np.ones(image.shape[:2], bool)
    outside[int(box.y1) : int(box.y2) + 1, int(box.x1) : int(box.x2) + 1] = False
    assert np.array_equal(image[outside], before[outside])


def test_a_region_outside_the_picture_is_not_counted() -> None:
    assert not pixelate(noise(), Box(-50, -50, -10, -10))


def test_a_region_over_the_border_is_masked_inside() -> None:
    image = noise()
    assert pixelate(image, Box(-20, -20, 30, 30))
    assert colours(image, Box(0, 0, 30, 30)) <= 49


@pytest.mark.parametrize(
    "person", [Box(100, 100, 140, 220), Box(100, 100, 180, 160), Box(100, 100, 104, 110)]
)
def test_the_head_region_covers_the_top_of_a_standing_or_sitting_person(person: Box) -> None:
    head = head_region(person)
    assert head.x1 < person.x1
    assert head.x2 > person.x2
    assert head.y1 < person.y1
    assert person.height / 4 <= head.y2 - person.y1 <= person.height


def test_the_plate_region_is_the_lower_half_of_a_vehicle() -> None:
    assert plate_region(Box(0, 0, 100, 100)) == Box(0, 45, 100, 100)


@pytest.fixture(scope="module")
def shoppers(media: Path) -> Image:
    file = next((media / "video").glob("shopping_street_*.mp4"))
    with av.open(str(file)) as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


@pytest.mark.media
def test_heads_of_shoppers_are_masked_and_counted(shoppers: Image) -> None:
    detector = Detector(backend="onnxruntime")
    people = [d.box for d in detector.detect(shoppers, min_score=0.4) if d.label == "person"]
    assert len(people) >= 5
    masked = shoppers.copy()
    counts = mask(masked, detector, heads=True, plates=False)
    assert counts.heads >= len(people)
    assert counts.plates == 0
    for person in people:
        top = Box(person.x1, person.y1, person.x2, person.y1 + person.height / 5)
        if top.width >= 12 and top.height >= 12:
            assert colours(masked, top) < colours(shoppers, top) / 3


@pytest.mark.media
def test_switched_off_nothing_changes(shoppers: Image) -> None:
    image = shoppers.copy()
    detector = Detector(backend="onnxruntime")
    assert mask(image, detector, heads=False, plates=False) == MaskCounts(0, 0)
    assert np.array_equal(image, shoppers)
