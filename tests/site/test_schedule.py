"""Weekdays and hours by the clock on the wall, over midnight and through daylight saving."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cv.errors import UserError
from cv.site.schedule import ALWAYS, Schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - a wall clock's day; each test gives it a zone


def at(day: str, clock: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    hours, minutes = clock.split(":")
    days = timedelta(days=DAYS.index(day), hours=int(hours), minutes=int(minutes))
    return (MONDAY + days).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("08:00-20:00", "Mon 08:00, Sun 19:59", "Mon 07:59, Sun 20:00"),
        ("Mon-Fri 18:00-02:00", "Mon 18:00, Fri 23:59, Sat 01:59", "Sat 02:00, Mon 01:00"),
        ("Sat,Sun", "Sat 00:00, Sun 23:59", "Fri 23:59, Mon 00:00"),
        ("Sat,Sun 10:00-14:00", "Sat 10:00", "Sat 09:59, Fri 12:00"),
        ("Fri-Mon", "Fri 00:00, Sat 12:00, Sun 12:00, Mon 23:59", "Tue 00:00, Thu 23:59"),
        ("Mon-Wed,Fri 06:00-24:00", "Fri 23:59, Tue 06:00", "Sat 00:00, Thu 12:00"),
        ("22:00-00:00", "Mon 22:00, Mon 23:59", "Tue 00:00, Mon 21:59"),
        ("Sun 23:00-01:00", "Sun 23:30, Mon 00:30", "Sat 23:30, Sun 00:30"),
        ("mon - fri  8:00 – 9:00", "Mon 08:30", "Sat 08:30"),
        ("02:00-18:00", "Mon 02:00, Sat 17:59", "Mon 18:00, Sat 01:59"),
    ],
)  # fmt: skip
def test_a_text_covers_what_it_says(text, inside, outside) -> None:
    schedule = Schedule.parse([text])
    assert all(schedule.covers(at(*moment.split()), SHANGHAI) for moment in inside.split(", "))
    assert not any(schedule.covers(at(*moment.split()), SHANGHAI) for moment in outside.split(", "))


def test_any_of_several_windows_is_enough_and_none_is_always() -> None:
    lunch = Schedule.parse(["Mon-Fri 11:00-13:00", "Sat"])
    assert lunch.covers(at("Mon", "12:00"), SHANGHAI)
    assert lunch.covers(at("Sat", "20:00"), SHANGHAI)
    assert not lunch.covers(at("Sun", "12:00"), SHANGHAI)
    assert Schedule.parse([]) == ALWAYS
    assert ALWAYS.covers(at("Sun", "03:00"), SHANGHAI)


@pytest.mark.parametrize(
    ("texts", "hours"),
    [
        (["08:00-08:30"], 0.5),
        (["Mon 08:00-09:00", "Tue 10:00-13:00"], 3),
        (["08:00-12:00", "11:00-14:00", "14:00-15:00"], 7),
        (["Mon-Fri 18:00-02:00"], 8),
        (["Sun 20:00-24:00", "Mon 00:00-03:00"], 7),
        (["Sun 20:00-04:00", "Mon 04:00-05:00"], 9),
        (["Sat,Sun"], 48),
        (["Fri-Mon"], 96),
        (["00:00-24:00"], math.inf),
        (["06:00-18:00", "18:00-06:00"], math.inf),
        ([], math.inf),
    ],
)
def test_how_long_it_applies_at_a_stretch(texts, hours) -> None:
    assert Schedule.parse(texts).longest_s == hours * 3600


def test_a_schedule_survives_json_as_part_of_a_saved_rule() -> None:
    adapter = TypeAdapter(Schedule)
    schedule = Schedule.parse(["Mon-Fri 18:00-02:00", "Sat,Sun"])
    assert adapter.validate_json(adapter.dump_json(schedule)) == schedule


def test_hours_are_those_of_the_sites_clock_wherever_the_time_comes_from() -> None:
    schedule = Schedule.parse(["Tue 00:00-08:00"])
    moment = datetime(2026, 3, 2, 17, tzinfo=UTC)  # Tuesday 01:00 in Shanghai
    assert schedule.covers(moment, SHANGHAI)
    assert not schedule.covers(moment, BERLIN)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        ALWAYS.covers(MONDAY, SHANGHAI)


def covered_minutes(schedule: Schedule, start: datetime, minutes: int) -> int:
    moments = (start + timedelta(minutes=i) for i in range(minutes))
    return sum(schedule.covers(moment, BERLIN) for moment in moments)


def test_the_hour_skipped_in_spring_never_comes() -> None:
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)  # Sunday 29 March 00:00 in Berlin
    assert covered_minutes(Schedule.parse(["Sun 02:00-03:00"]), midnight, 23 * 60) == 0
    assert covered_minutes(Schedule.parse(["Sun 01:00-04:00"]), midnight, 23 * 60) == 120
    assert covered_minutes(Schedule.parse(["Sun"]), midnight, 24 * 60) == 23 * 60


def test_the_hour_repeated_in_autumn_counts_twice() -> None:
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)  # Sunday 25 October 00:00 in Berlin
    assert covered_minutes(Schedule.parse(["Sun 02:00-03:00"]), midnight, 25 * 60) == 120
    assert covered_minutes(Schedule.parse(["Sat 22:00-02:30"]), midnight, 25 * 60) == 180
    assert covered_minutes(Schedule.parse(["Sun"]), midnight, 26 * 60) == 25 * 60


clocks = st.integers(0, 24 * 60 - 1)


@given(st.sets(st.integers(0, 6), min_size=1), clocks, clocks, st.integers(0, 7 * 24 * 60 - 1))
def test_a_window_covers_the_minutes_from_each_start_to_its_end(days, start, end, minute) -> None:
    if start == end:
        end = 24 * 60 if start == 0 else 0
    text = ",".join(DAYS[day] for day in sorted(days))
    text += f" {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    length = (end - start) % (24 * 60) or 24 * 60
    expected = any((minute - day * 24 * 60 - start) % (7 * 24 * 60) < length for day in days)
    moment = (MONDAY + timedelta(minutes=minute)).replace(tzinfo=SHANGHAI)
    schedule = Schedule.parse([text])
    assert schedule.covers(moment, SHANGHAI) == expected
    assert Schedule.parse([str(schedule)]) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no schedule; write"),
        ("   ", "is no schedule; write"),
        ("always", "'always' is no weekday; choose Mon, Tue"),
        ("Mon Tue 08:00-09:00", "is no schedule; write"),
        ("Mon-Wed-Fri", "'Mon-Wed-Fri' is no weekday"),
        ("Mon,", "'' is no weekday"),
        ("周一 08:00-09:00", "is no weekday"),
        ("8-9", "is no schedule; write"),
        ("08:00", "is no schedule; write"),
        ("08:00-25:00", "hours go from 00:00 to 24:00"),
        ("24:00-01:00", "hours go from 00:00 to 24:00"),
        ("08:60-09:00", "hours go from 00:00 to 24:00"),
        ("08:00-08:00", "begins and ends at once; a whole day is 00:00-24:00"),
        ("８:００-９:００", "is no schedule"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_is_allowed(text, message) -> None:
    with pytest.raises(UserError, match=message):
        Schedule.parse([text])


@given(st.text())
def test_any_text_is_a_schedule_or_a_users_mistake(text) -> None:
    try:
        Schedule.parse([text])
    except UserError as error:
        assert str(error).isprintable()
