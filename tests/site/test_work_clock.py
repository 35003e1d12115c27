"""When limits run out: China's arrangement of 2026, and what holds on every clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.errors import SiteError
from cv.site import load_site
from cv.site.limits import Limit, LimitKind
from cv.site.schedule import Schedule
from cv.site.work_clock import WorkClock
from cv.site.workdays import Workdays, arranged_until

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = Schedule.parse(("08:00-12:00", "14:00-18:00"))
CLOCK = WorkClock()


def due(start: str, kind: LimitKind, value: float, clock: WorkClock = CLOCK) -> str:
    """`10-01 09:30` of 2026 on a clock in Shanghai, and back."""
    begin = datetime.fromisoformat(f"2026-{start}").replace(tzinfo=SHANGHAI)
    end = clock.due(begin.astimezone(UTC), Limit(kind, value, ""), SHANGHAI)
    assert end.tzinfo is SHANGHAI
    return f"{end:%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("start", "kind", "value", "end"),
    [
        # these two never rest
        ("09-30 23:00", "urgent_hour", 2, "10-01 01:00"),
        ("09-30 23:00", "urgent_hour", 0.5, "09-30 23:30"),
        ("09-30 17:00", "natural_day", 2, "10-02 17:00"),
        # Monday to Friday, 08-12 and 14-18
        ("11-23 08:00", "work_hour", 4, "11-23 12:00"),
        ("11-23 11:00", "work_hour", 2, "11-23 15:00"),
        ("11-23 12:30", "work_hour", 1, "11-23 15:00"),
        ("11-23 17:00", "work_hour", 2, "11-24 09:00"),
        ("11-23 03:00", "work_hour", 1, "11-23 09:00"),
        ("11-23 10:00", "work_day", 1, "11-24 10:00"),
        ("11-23 20:00", "work_day", 1, "11-24 18:00"),
        ("11-27 10:00", "work_day", 1, "11-30 10:00"),  # a Friday
        ("11-28 10:00", "work_hour", 1, "11-30 09:00"),  # a Saturday
        ("11-23 10:00", "work_day", 0.5, "11-23 16:00"),
        # National Day: off from the 1st to the 7th, Saturday the 10th is worked
        ("09-30 17:00", "work_hour", 2, "10-08 09:00"),
        ("10-09 10:00", "work_day", 1, "10-10 10:00"),
        ("10-10 10:00", "work_day", 1, "10-12 10:00"),
        # Spring Festival: off from the 15th to the 23rd of February, two Saturdays are worked
        ("02-13 17:00", "work_hour", 2, "02-14 09:00"),
        ("02-14 17:00", "work_hour", 2, "02-24 09:00"),
        ("02-27 17:00", "work_hour", 2, "02-28 09:00"),
        # the turn of the year
        ("12-31 17:00", "work_hour", 0.25, "12-31 17:15"),
    ],
)
def test_a_limit_runs_out_in_working_time(start, kind, value, end) -> None:
    assert due(start, kind, value) == end


def test_the_city_may_work_on_other_days_and_at_other_hours() -> None:
    own = Workdays({date(2026, 10, 10): False, date(2026, 10, 5): True})
    clock = WorkClock(own, Schedule.parse(("09:00-17:00",)))
    assert due("09-30 16:00", "work_hour", 2, clock) == "10-05 10:00"
    assert due("10-09 10:00", "work_day", 1, clock) == "10-12 10:00"
    assert due("10-05 12:00", "work_day", 1, clock) == "10-08 12:00", "its day has 8 hours too"


def test_a_natural_day_has_24_hours_when_clocks_change_too() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 12, tzinfo=berlin)
    end = CLOCK.due(start, Limit("natural_day", 1, ""), berlin)
    assert f"{end:%m-%d %H:%M %z}" == "03-29 13:00 +0200"


def test_hours_to_the_days_end_go_on_with_the_next_days() -> None:
    clock = WorkClock(Workdays(), Schedule.parse(("00:00-06:00", "18:00-24:00")))
    assert due("11-23 23:00", "work_hour", 2, clock) == "11-24 01:00"
    assert due("11-23 23:00", "work_hour", 1, clock) == "11-24 00:00"


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_the_working_days_of_a_year_are_those_of_an_independent_calendar(year) -> None:
    day = date(year, 1, 1)
    while day.year == year:
        assert Workdays().works(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)
    assert arranged_until(year) == year


def test_a_year_that_is_not_arranged_yet_is_not_taken_for_known() -> None:
    assert 2026 <= arranged_until(2100) < 2100


MOMENTS = st.integers(0, 350 * 86400).map(
    lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
QUARTERS = st.integers(1, 200).map(lambda count: count / 4)
ZONES = st.sampled_from([SHANGHAI, ZoneInfo("Europe/Berlin"), UTC])
WORKING: list[LimitKind] = ["work_hour", "work_day"]
ALL: list[LimitKind] = [*WORKING, "urgent_hour", "natural_day"]


@given(MOMENTS, QUARTERS, ZONES, st.sampled_from(WORKING))
def test_nothing_is_due_outside_working_time(moment, value, zone, kind) -> None:
    end = CLOCK.due(moment, Limit(kind, value, ""), zone)
    just_before = end - timedelta(seconds=1)
    assert CLOCK.days.works(just_before.date())
    assert HOURS.covers(just_before, zone)


@given(MOMENTS, MOMENTS, QUARTERS, ZONES, st.sampled_from(ALL))
def test_what_is_filed_later_is_not_due_earlier(one, other, value, zone, kind) -> None:
    first, second = sorted((one, other))
    limit = Limit(kind, value, "")
    assert CLOCK.due(first, limit, zone) <= CLOCK.due(second, limit, zone)


@given(MOMENTS, QUARTERS, QUARTERS, ZONES, st.sampled_from(ALL))
def test_a_limit_in_two_parts_is_as_long_as_in_one(moment, part, rest, zone, kind) -> None:
    between = CLOCK.due(moment, Limit(kind, part, ""), zone)
    whole = CLOCK.due(moment, Limit(kind, part + rest, ""), zone)
    assert moment < between < whole
    assert CLOCK.due(between, Limit(kind, rest, ""), zone) == whole


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ('["Mon-Fri 08:00-12:00"]', "must be hours without weekdays; days off are for `holidays`"),
        ('["22:00-06:00"]', "22:00-06:00 goes over midnight; working hours are within a day"),
        (
            '["14:00-18:00", "08:00-12:00"]',
            "08:00-12:00 begins before the hours that stand before it end",
        ),
        ("[]", 'is empty; leave it out, or write hours such as ["09:00-17:00"]'),
        ('["8 to 12"]', "'8 to 12' is no schedule"),
    ],
)
def test_hours_that_are_none_of_a_working_day_are_refused(tmp_path, hours, told) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f"[routing]\nwork_hours = {hours}\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert f"{path}:2: routing.work_hours: {told}" in str(caught.value)


def test_hours_come_from_the_site_file(tmp_path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[routing]\nwork_hours = ["08:30-12:00", "14:30-17:30"]\n')
    clock = load_site(path).routing.clock
    assert due("11-23 11:30", "work_hour", 1, clock) == "11-23 15:00"
