"""A site for each test, and a clock that it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cv.cases.case import Case
from cv.cases.store import CaseStore
from cv.site import Site
from tests.cases.filings import START, site_in

File = Callable[..., None]


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = START + timedelta(hours=2)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.fixture
def file(store: CaseStore, clock: Clock) -> File:
    """Files cases at the clock's time, for the targets named."""

    def commit(*cases: Case, targets: Sequence[str] = ("webhook",)) -> None:
        store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=targets, now=clock.now
        )

    return commit
