"""The change gate: what needs a new analysis, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from cv.detect.change import ChangeGate
from cv.geometry import Image

START = datetime(2026, 3, 14, 8, tzinfo=UTC)
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture(scope="module")
def street() -> Image:
    rng = np.random.default_rng(1)
    rough = rng.integers(60, 190, (36, 64, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(rough, (640, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


class Gate:
    """A gate and its clock: a look a second."""

    def __init__(self, *zones: tuple[tuple[float, float], ...], refresh_s: float = 60.0) -> None:
        self._gate = ChangeGate(zones, refresh_s=refresh_s)
        self._second = 0

    def __call__(self, picture: Image, *, decided: bool = True) -> bool:
        self._second += 1
        time = START + timedelta(seconds=self._second)
        return self._gate.look(picture, time, decided=lambda: decided)


def settled(street: Image, *zones: tuple[tuple[float, float], ...]) -> Gate:
    gate = Gate(*zones)
    assert [gate(street) for _ in range(5)] == [True] * 4 + [False]
    return gate


def with_thing(street: Image, x: int, y: int, side: int, lift: int = 40) -> Image:
    picture = street.copy()
    part = picture[y : y + side, x : x + side].astype(int) + lift
    picture[y : y + side, x : x + side] = part.clip(0, 255)
    return picture


def test_an_unchanged_view_is_analysed_once_a_minute(street: Image):
    gate = settled(street)
    assert [gate(street) for _ in range(120)].count(True) == 2


def test_a_small_new_thing_is_seen_at_once(street: Image):
    """12 x 12 pixels of the network's input: less than the detector finds."""
    gate = settled(street)
    assert gate(with_thing(street, 300, 200, 12))


def test_what_is_outside_the_zones_does_not_count(street: Image):
    gate = settled(street, LEFT)
    assert not gate(with_thing(street, 500, 200, 60))
    assert gate(with_thing(street, 100, 200, 12))


def test_what_leaves_is_a_change_too(street: Image):
    full = with_thing(street, 300, 200, 30)
    gate = settled(full)
    assert gate(street)


def test_noise_and_light_are_no_change(street: Image):
    rng = np.random.default_rng(2)
    gate = settled(street)
    for gain, lift in ((1.0, 0), (0.9, 0), (1.1, 0), (1.0, 12), (0.85, 8)):
        noise = rng.normal(0, 6, street.shape)
        assert not gate(np.clip(street * gain + lift + noise, 0, 255).astype(np.uint8))


def test_a_picture_without_contrast_is_another_one(street: Image):
    gate = settled(street)
    assert gate(np.full_like(street, int(street.mean())))


def test_a_compressed_picture_is_the_same_picture(street: Image):
    gate = settled(street)
    for quality in (40, 60, 80):
        _, data = cv2.imencode(".jpg", street, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert not gate(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))


def test_small_changes_add_up_since_the_last_analysed_picture(street: Image):
    """Each picture compares with the last analysed one, not with the one before it."""
    gate = settled(street)
    answers = [gate(with_thing(street, 300, 200, 40, lift)) for lift in range(1, 15)]
    assert not answers[0]
    assert any(answers)


def test_as_long_as_something_waits_everything_is_analysed(street: Image):
    gate = settled(street)
    assert gate(street, decided=False)
    assert not gate(street)


def test_no_refresh_time_analyses_everything(street: Image):
    gate = Gate(refresh_s=0.0)
    assert all(gate(street) for _ in range(10))
