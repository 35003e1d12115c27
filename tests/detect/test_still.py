"""Still objects: what counts as the same thing from look to look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cv.detect.detector import Detection
from cv.detect.still import StillObjects
from cv.geometry import Box
from cv.labels import LABELS

SIZE = (1280, 720)
START = datetime(2026, 3, 14, 8, tzinfo=UTC)
STALL = Box(300, 300, 420, 400)


def see(label: str, box: Box, score: float = 0.8) -> Detection:
    return Detection(label, score, box)


class Street:
    """Feeds looks one second apart and keeps what open incidents keep."""

    def __init__(self, keep: bool = False) -> None:
        self.still = StillObjects(dict.fromkeys(LABELS, 0.5))
        self.now = START
        self.keep = keep

    def look(self, *detections: Detection, seconds: float = 1.0) -> None:
        self.now += timedelta(seconds=seconds)
        self.still.look(detections, self.now, SIZE, lambda _: self.keep)

    @property
    def keys(self) -> list[int]:
        return [thing.key for thing in self.still.objects]


def test_a_thing_that_stays_is_one_object_over_two_hours() -> None:
    street = Street()
    for _ in range(7200):
        street.look(see("street_stall", STALL))
    (stall,) = street.still.objects
    assert stall.hits == stall.looks == 7200
    assert stall.last_seen - stall.first_seen == timedelta(seconds=7199)


@pytest.mark.parametrize(("dx", "dy"), [(6, 0), (-6, 4), (0, -7)])
def test_a_small_shake_of_the_camera_keeps_small_objects(dx: float, dy: float) -> None:
    street = Street()
    small = Box(300, 300, 324, 324)
    for i in range(20):
        street.look(see("street_stall", small.shifted(dx, dy) if i % 2 else small))
    assert street.keys == [1]


def test_a_missed_look_is_forgiven_and_counted() -> None:
    street = Street()
    for i in range(30):
        street.look(*([] if i == 10 else [see("street_stall", STALL)]))
    (stall,) = street.still.objects
    assert (stall.hits, stall.looks, stall.missed) == (29, 30, 0)


def test_a_passer_by_in_front_neither_counts_against_it_nor_ends_it() -> None:
    street = Street()
    for _ in range(100):
        street.look(see("street_stall", STALL))
    for i in range(60):
        street.look(see("person", Box(310 + i % 3, 250, 400 + i % 3, 420)))
    street.look(see("street_stall", STALL))
    stall = street.still.objects[0]
    assert (stall.key, stall.hits, stall.looks) == (1, 101, 101)


def test_an_old_neighbour_does_not_hide_a_stall_that_left() -> None:
    street = Street()
    umbrella = see("barrier", Box(360, 280, 470, 410))
    street.look(umbrella)
    for _ in range(10):
        street.look(umbrella, see("street_stall", STALL))
    for _ in range(20):
        street.look(umbrella)
    assert [thing.label for thing in street.still.objects] == ["barrier"]


@pytest.mark.parametrize("speed", [3, 10, 60, 400])
def test_a_moving_car_never_gets_old(speed: float) -> None:
    street = Street()
    oldest = 0.0
    for i in range(400):
        street.look(see("car", Box(0, 300, 100, 360).shifted(i * speed, 0)))
        ages = [thing.last_seen - thing.first_seen for thing in street.still.objects]
        oldest = max([oldest, *(age.total_seconds() for age in ages)])
    assert oldest <= 100 / speed


def test_a_car_seen_now_as_car_now_as_truck_is_one_object() -> None:
    street = Street()
    for i in range(10):
        street.look(see("truck" if i % 3 == 0 else "car", STALL))
    (car,) = street.still.objects
    assert car.label == "car"


def test_two_boxes_on_one_van_are_one_object() -> None:
    street = Street()
    for _ in range(5):
        street.look(see("truck", STALL, 0.6), see("car", STALL.shifted(3, 2), 0.7))
    assert street.keys == [1]


def test_two_stalls_side_by_side_are_two_objects() -> None:
    street = Street()
    for _ in range(5):
        street.look(see("street_stall", STALL), see("street_stall", STALL.shifted(110, 0)))
    assert street.keys == [1, 2]


def test_a_weak_box_keeps_an_object_but_never_starts_one() -> None:
    street = Street()
    street.look(see("street_stall", STALL, 0.3))
    assert street.keys == []
    street.look(see("street_stall", STALL, 0.6))
    for _ in range(10):
        street.look(see("street_stall", STALL, 0.3))
    assert [thing.hits for thing in street.still.objects] == [11]


def test_what_was_seen_once_is_forgotten_after_three_looks() -> None:
    street = Street()
    street.look(see("street_stall", STALL))
    for _ in range(3):
        street.look()
    assert street.keys == []


def test_an_open_incident_is_not_forgotten() -> None:
    street = Street(keep=True)
    street.look(see("street_stall", STALL))
    for _ in range(1000):
        street.look()
    assert street.keys == [1]
