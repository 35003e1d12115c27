"""Stores for tests: an empty one each, on SQLite or, for modules marked so, on PostgreSQL too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cv.cases.store import CaseStore
from tests.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker("both_databases")
    if marked and "store_place" in metafunc.fixturenames:
        metafunc.parametrize("store_place", DATABASES, indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: running the migrations takes half a second."""
    path = tmp_path_factory.mktemp("store") / "cases.sqlite"
    CaseStore(path).close()
    return path


@pytest.fixture(scope="session")
def empty_database(postgresql: PostgreSQL) -> str:
    """The same on PostgreSQL."""
    name = postgresql.create()
    CaseStore(postgresql.url(name)).close()
    return name


@pytest.fixture
def store_path(tmp_path: Path, empty_store: Path) -> Path:
    """The SQLite file in the data folder `tmp_path`/data."""
    path = tmp_path / "data/cases.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(empty_store, path)
    return path


@pytest.fixture
def store_place(request: pytest.FixtureRequest) -> Iterator[Path | str]:
    """Where an empty store is: the SQLite file, or the URL of a database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield request.getfixturevalue("store_path")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("empty_database"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def store(store_place: Path | str) -> Iterator[CaseStore]:
    with CaseStore(store_place) as opened:
        yield opened
