"""A watch and a service delete beside their work, unless the clock cannot be right."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cv.cases.store import CaseStore
from cv.evidence.hourly import DoubtingClock, deleting_hourly
from cv.site import Site
from tests.cases.filings import site_in
from tests.evidence.test_retention import DAY, REPORTED, file
from tests.listening import until

HOUR = timedelta(hours=1)


class Clocks:
    """One that somebody sets, and one that nobody does."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 30, 8, tzinfo=UTC)
        self.seconds = 100.0

    def pass_by(self, time: timedelta) -> None:
        self.time += time
        self.seconds += time.total_seconds()

    def doubting(self) -> DoubtingClock:
        return DoubtingClock(lambda: self.time, lambda: self.seconds)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.mark.both_databases
def test_a_watch_and_a_service_delete_beside_their_work(store: CaseStore, site: Site) -> None:
    old = site.reporting.data / file(site, "originals/gate/old.jpg", REPORTED)
    with deleting_hourly(site, store.database):
        until(lambda: not old.exists())


def test_a_clock_that_jumps_ahead_deletes_nothing_for_a_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clocks = Clocks()
    clock = clocks.doubting()
    assert clock.now() == clocks.time
    clocks.time += 365 * DAY
    for _ in range(24):
        clocks.pass_by(HOUR)
        assert clock.now() is None
    (told,) = (record.message for record in caplog.records if record.levelno == logging.ERROR)
    assert "jumped ahead by 365 days, to 2027-11-30 09:00Z" in told
    clocks.pass_by(HOUR)
    assert clock.now() == clocks.time, "who set it means it"


def test_once_it_is_set_right_deletion_goes_on() -> None:
    clocks = Clocks()
    clock = clocks.doubting()
    clocks.time += 365 * DAY
    assert clock.now() is None
    clocks.time -= 365 * DAY
    clocks.pass_by(HOUR)
    assert clock.now() == clocks.time


@pytest.mark.parametrize("jump", [timedelta(hours=14), -400 * DAY])
def test_a_time_zone_or_a_clock_that_is_set_back_stops_nothing(jump: timedelta) -> None:
    clocks = Clocks()
    clock = clocks.doubting()
    clocks.time += jump
    clocks.pass_by(HOUR)
    assert clock.now() == clocks.time


def test_hours_without_a_question_are_no_jump() -> None:
    clocks = Clocks()
    clock = clocks.doubting()
    clocks.pass_by(40 * DAY)
    assert clock.now() == clocks.time


def test_while_the_clock_is_doubted_what_would_be_due_stays(
    store: CaseStore, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    old = site.reporting.data / file(site, "originals/gate/old.jpg", REPORTED)
    clock = clocks.doubting()
    clocks.time += 365 * DAY
    with deleting_hourly(site, store.database, clock):
        until(lambda: "nothing is deleted" in caplog.text)
    assert old.exists()
