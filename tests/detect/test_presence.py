"""The presence ratio over a sliding window."""

from __future__ import annotations

import pytest

from cv.detect.presence import PresenceWindow


def test_the_ratio_is_hits_over_looks() -> None:
    window = PresenceWindow(100)
    for second in range(10):
        window.add(second, second % 2 == 0)
    assert window.ratio == 0.5


def test_before_the_first_look_nothing_was_present() -> None:
    assert PresenceWindow(60).ratio == 0


@pytest.mark.parametrize("window_s", [5.0, 180.0, 1800.0])
def test_what_is_older_than_the_window_no_longer_counts(window_s: float) -> None:
    window = PresenceWindow(window_s)
    for i in range(200):
        window.add(i * window_s / 100, hit=i >= 90)
    assert window.ratio == 1.0


def test_it_stays_small_however_many_looks() -> None:
    window = PresenceWindow(1800)
    for second in range(100_000):
        window.add(second, True)
    assert len(window.slots) <= 21


def test_what_was_counted_before_the_clock_was_set_back_counts_on() -> None:
    window = PresenceWindow(60)
    for second in range(30_000, 30_060):
        window.add(second, True)
    for second in range(30):
        window.add(second, False)
    assert window.ratio == pytest.approx(0.5, abs=0.05)
