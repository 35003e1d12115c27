"""Far zones are looked at a second time, and what both looks saw counts once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.detect.closer import detect_closer, parts
from cv.detect.detector import Detection, Detector
from cv.detect.picture import Picture, Pixels
from cv.geometry import Box, Image, iou

FAR = ((0.40, 0.30), (0.50, 0.30), (0.50, 0.36), (0.40, 0.36))
NEAR = ((0.05, 0.20), (0.95, 0.20), (0.95, 1.00), (0.05, 1.00))


def test_only_parts_that_are_enlarged_are_worth_a_look():
    assert parts([NEAR], (1920, 1080)) == []
    ((left, top, right, bottom),) = parts([NEAR, FAR], (1920, 1080))
    assert left < 0.40 * 1920
    assert right > 0.50 * 1920
    assert top < 0.30 * 1080 - 0.5 * 0.06 * 1080, "what stands there is higher than the ground"
    assert bottom > 0.36 * 1080
    assert right - left >= 192
    assert bottom - top >= 192


def test_a_part_ends_where_the_picture_does():
    corner = ((0.0, 0.0), (0.05, 0.0), (0.05, 0.05), (0.0, 0.05))
    ((left, top, right, bottom),) = parts([corner], (1920, 1080))
    assert (left, top) == (0, 0)
    assert right > 0.05 * 1920
    assert bottom > 0.05 * 1080


class Told(Detector):
    """Sees in the whole picture and in parts of it what it was told."""

    def __init__(self, whole: list[Detection], part: list[Detection]) -> None:
        self._whole, self._part = whole, part

    def detect_in(self, picture: Picture, **_: object) -> list[Detection]:
        return list(self._whole if picture.size == (1920, 1080) else self._part)


def seen(whole: list[Detection], part: list[Detection]) -> list[Detection]:
    picture = Pixels(np.zeros((1080, 1920, 3), np.uint8))
    return detect_closer(Told(whole, part), picture, [(700, 200, 1100, 500)], ease=1.0)


def test_one_thing_seen_twice_counts_once_by_its_surer_box():
    blurred = Detection("street_stall", 0.4, Box(800, 300, 860, 360))
    sharp = Detection("storefront_goods", 0.7, Box(102, 98, 162, 160))
    assert seen([blurred], [sharp]) == [sharp._replace(box=Box(802, 298, 862, 360))]


def test_things_of_other_kinds_in_one_place_stay():
    stall = Detection("street_stall", 0.8, Box(800, 300, 860, 360))
    seller = Detection("person", 0.7, Box(100, 100, 120, 160))
    assert len(seen([stall], [seller])) == 2


@pytest.mark.parametrize(
    "box", [Box(0, 100, 60, 160), Box(340, 100, 400, 160), Box(9, 240, 70, 300)]
)
def test_what_a_part_cuts_is_left_to_the_whole_picture(box: Box):
    assert seen([], [Detection("car", 0.9, box)]) == []


@pytest.mark.media
def test_a_far_car_is_found_in_its_part_only(media: Path):
    """A junction, shrunk to a far corner of a large picture."""
    detector = Detector(backend="onnxruntime")
    near = cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp"))
    near = np.asarray(near, np.uint8)
    side = (176, round(176 * near.shape[0] / near.shape[1]))
    far = cv2.resize(near, side, interpolation=cv2.INTER_AREA)
    picture: Image = np.full((1080, 1920, 3), 114, np.uint8)
    left, top = 800, 400
    picture[top : top + side[1], left : left + side[0]] = far
    zone = [(x / 1920, y / 1080) for x, y in ((left, top), (left + side[0], top),
            (left + side[0], top + side[1]), (left, top + side[1]))]  # fmt: skip
    regions = parts([zone], (1920, 1080))
    whole = detector.detect_in(Pixels(picture))
    both = detect_closer(detector, Pixels(picture), regions, ease=1.0)
    assert len(both) > len(whole)
    shrunk = side[0] / near.shape[1]
    true = [
        Box(*(edge * shrunk for edge in d.box)).shifted(left, top)
        for d in detector.detect(near, min_score=0.5)
    ]
    assert sum(any(iou(d.box, box) > 0.5 for box in true) for d in both) >= len(both) / 2
