"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.durations import format_duration, parse_duration
from cv.errors import UserError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("30d", 2_592_000),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (" 10 m ", 600),
        ("7", 7),
        (7, 7),
        (0.25, 0.25),
        ("0s", 0),
    ],
)
def test_a_number_with_a_unit_is_seconds(written, seconds) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "soon", "5 minutes", "-5s", "1h30m", "５m", "1e3s", "nan", "9" * 400, -1],
)
def test_anything_else_is_refused(written) -> None:
    with pytest.raises(UserError, match="is no duration; write 90s, 5m, 2h, 30d or seconds"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["36501d", "9999999d", "1" + "0" * 30 + "h", 3.2e9])
def test_more_than_a_hundred_years_are_refused(written) -> None:
    """Past the calendar's end, or a timer's, no time of day can be told."""
    with pytest.raises(UserError, match="is too long; at most 36500d"):
        parse_duration(written)
    assert parse_duration("36500d") == 36500 * 86400


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400, -(10**400)])
def test_endless_numbers_are_refused(number) -> None:
    with pytest.raises(UserError, match="is no duration"):
        parse_duration(number)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.5, "500ms"), (90, "90s"), (300, "5m"), (5400, "90m"), (86400, "1d")],
)
def test_a_duration_is_shown_with_one_unit(seconds, text) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**9))
def test_what_is_shown_can_be_written(seconds) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
