from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cv.detect.frames import StartSource
from cv.detect.start_time import find_start

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 20, 8, tzinfo=UTC)
AFTERNOON = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)


def start(*, given=None, metadata=None, name="clip.mp4", duration_s=60.0, tz=CHINA):
    return find_start(
        given=given,
        metadata=metadata or {},
        name=name,
        ended=WRITTEN,
        duration_s=duration_s,
        tz=tz,
        now=NOW,
    )


def test_the_given_time_wins_and_takes_the_zone_when_it_has_none():
    tags = {"creation_time": "2026-01-01T00:00:00Z"}
    local = datetime(2026, 3, 14, 15, 30)  # noqa: DTZ001  as a user types it
    away = datetime(2026, 3, 14, 9, 30, tzinfo=timezone(timedelta(hours=2)))
    for given in (local, away, AFTERNOON):
        assert start(given=given, metadata=tags) == (AFTERNOON, StartSource.GIVEN)


def test_metadata_comes_before_the_name():
    found = start(metadata={"creation_time": "2026-03-14T07:30:00.000000Z"}, name="20260101_000000")
    assert found == (AFTERNOON, StartSource.METADATA)


@pytest.mark.parametrize("clock", ["9999-12-31T23:59:59-08:00", "0001-01-01T00:00:00+08:00"])
def test_an_end_of_the_calendar_is_a_clock_that_was_not_set(clock):
    found = start(metadata={"creation_time": clock}, name="gate_20260314_153000.mp4")
    assert found == (AFTERNOON, StartSource.NAME)


def test_quicktime_s_own_date_with_its_offset_comes_first():
    tags = {
        "creation_time": "2026-03-14T08:00:00Z",
        "com.apple.quicktime.creationdate": "2026-03-14T15:30:00+0800",
    }
    assert start(metadata=tags) == (AFTERNOON, StartSource.METADATA)


@pytest.mark.parametrize(
    "clock", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "yes", "2026"]
)
def test_a_clock_that_was_not_set_is_passed_over(clock):
    found = start(metadata={"creation_time": clock, "date": clock}, name="cam_20260314_153000.mp4")
    assert found == (AFTERNOON, StartSource.NAME)


@pytest.mark.parametrize(
    "name",
    [
        "20260314_153000.mp4",
        "2026-03-14_15-30-00.mkv",
        "2026-03-14 15.30.00.mp4",
        "2026-03-14T15:30:00.mp4",
        "ch01_20260314153000.mp4",
        "NVR_ch2_main_20260314153000_20260314160000.dav",
        "cam7_2026_03_14_15_30_00.avi",
        "VID_20260314_153000123.mp4",
        "东门_2026年03月14日15时30分00秒.mp4",
        "20260314T073000Z.mp4",
    ],
)
def test_recorders_names_are_read_as_local_time(name):
    assert start(name=name) == (AFTERNOON, StartSource.NAME)


@pytest.mark.parametrize(
    "name",
    [
        "clip.mp4",
        "20260230_101010.mp4",
        "20260314.mp4",
        "9920260314153000.mp4",
        "2031-01-01_00-00-00",
    ],
)
def test_otherwise_it_ended_when_the_file_was_last_written(name):
    assert start(name=name) == (WRITTEN - timedelta(seconds=60), StartSource.MODIFIED)
    assert start(name=name, duration_s=None) == (WRITTEN, StartSource.MODIFIED)


def test_the_zone_decides_what_a_name_means():
    found = start(name="20260314_083000", tz=ZoneInfo("Europe/Berlin"))
    assert found == (AFTERNOON, StartSource.NAME)
