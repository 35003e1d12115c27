"""A store and a site for each test, and a clock that it moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
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


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: running the migrations takes half a second."""
    path = tmp_path_factory.mktemp("store") / "cases.sqlite"
    CaseStore(path).close()
    return path


@pytest.fixture
def store_path(site: Site, empty_store: Path) -> Path:
    path = site.reporting.data / "cases.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(empty_store, path)
    return path


@pytest.fixture
def store(store_path: Path) -> Iterator[CaseStore]:
    with CaseStore(store_path) as opened:
        yield opened


@pytest.fixture
def file(store: CaseStore, clock: Clock) -> File:
    """Files cases at the clock's time, for the targets named."""

    def commit(*cases: Case, targets: Sequence[str] = ("webhook",)) -> None:
        store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=targets, now=clock.now
        )

    return commit
