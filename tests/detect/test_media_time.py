from __future__ import annotations

from itertools import pairwise

import pytest

from cv.detect.media_time import Cadence, MediaClock


def read_all(clock: MediaClock, stamps: list[float | None]) -> list[float]:
    return [clock.read(stamp) for stamp in stamps]


def test_time_follows_the_stamps_from_the_first_one_on():
    stamps = [-0.5, -0.46, 0.3, 7.5]
    assert read_all(MediaClock(0.04, 8.0), stamps) == pytest.approx([0, 0.04, 0.8, 8.0])


def test_damaged_first_frames_do_not_shift_the_rest():
    assert read_all(MediaClock(0.04, 60.0, origin_s=5.0), [7.0, 8.0]) == pytest.approx([2, 3])


def test_an_origin_that_makes_no_sense_is_ignored():
    assert read_all(MediaClock(0.04, 60.0, origin_s=-900.0), [7.0, 8.0]) == pytest.approx([0, 1])


def test_without_stamps_time_goes_on_by_frames():
    assert read_all(MediaClock(0.5), [None, None, 10.0, 10.5]) == pytest.approx([0, 0.5, 1, 1.5])


@pytest.mark.parametrize("jump_s", [-90000.0, -2.0, 7200.0])
def test_a_jump_that_cannot_be_counts_as_one_frame(jump_s):
    stamps = [0.0, 10.0, 10.0 + jump_s, 11.0 + jump_s]
    assert read_all(MediaClock(0.04, 60.0), stamps) == pytest.approx([0, 10, 10.04, 11.04])


def test_a_gap_within_the_length_of_the_file_is_kept():
    assert read_all(MediaClock(0.04, 3000.0), [0.0, 1.0, 2500.0]) == pytest.approx([0, 1, 2500])


def test_time_always_rises():
    stamps = [0.0, 0.4, 0.2, 0.4, 0.4, None, 0.1, 0.9, -5.0, -5.0, 99.0, 0.0]
    times = read_all(MediaClock(0.04, 2.0), stamps)
    assert all(later > earlier for earlier, later in pairwise(times))
    assert times[-1] < 3


def taken(cadence: Cadence, times: list[float]) -> list[float]:
    looks = []
    for time in times:
        if cadence.is_due(time):
            cadence.take(time)
            looks.append(time)
    return looks


def test_looks_fall_on_a_grid_and_do_not_drift():
    frames = [n / 25 for n in range(25 * 60)]
    looks = taken(Cadence(0.5), frames)
    assert len(looks) == 120
    assert looks[-1] == pytest.approx(59.52)


def test_sparse_frames_keep_the_average_distance():
    assert taken(Cadence(3.0), [0, 2, 4, 6, 8, 10, 12]) == [0, 4, 6, 10, 12]


def test_looks_are_never_close_together():
    looks = taken(Cadence(3.0), [0, 5.9, 6.0, 6.1, 9.0, 40.0, 40.1, 42.0])
    assert all(later - earlier >= 1.5 for earlier, later in pairwise(looks))


def test_a_frame_a_little_early_is_taken_when_allowed():
    arrivals = [0.0, 0.98, 2.01, 2.97, 4.0]
    assert taken(Cadence(1.0, early_s=0.1), arrivals) == arrivals


def test_without_a_distance_every_frame_is_due():
    assert taken(Cadence(None), [0.0, 0.0, 0.1]) == [0.0, 0.0, 0.1]
