"""A site's store: the file in its data folder, or the database that it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv import doctor
from cv.access.commands import app as keys_app
from cv.cases.commands import app as cases_app
from cv.cases.opening import existing_store, open_store, store_standing
from cv.errors import UserError
from cv.site import Site, load_site
from tests.cases.conftest import Clock
from tests.cases.filings import case_of, incident
from tests.postgresql import PostgreSQL


def site_of(folder: Path, url: str | None) -> Site:
    database = f"database = {json.dumps(url)}\n" if url else ""
    file = folder / "site.toml"
    file.write_text(
        f'[site]\nname = "沙市"\n[reporting]\n{database}[[cameras]]\nid = "gate"\n',
        encoding="utf-8",
    )
    return load_site(file)


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    return postgresql.url(postgresql.create())


def test_cases_and_keys_are_in_the_database_that_the_site_names(
    tmp_path: Path, url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(site_of(tmp_path, url)) as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site)], state=None, targets=[],
            now=Clock().now,
        )  # fmt: skip
    run = CliRunner().invoke
    assert incident().id in run(cases_app, ["list", "--json"]).stdout
    assert run(keys_app, ["create", "--name", "app"]).exit_code == 0
    assert "app" in run(keys_app, ["list"]).stdout
    assert not list(tmp_path.rglob("*.sqlite"))
    elsewhere = run(cases_app, ["list", "--data", "elsewhere"])
    assert "No cases yet" in elsewhere.stdout, "--data is another folder of cases"


def test_a_password_comes_from_the_environment_and_is_never_told(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, _, rest = url.partition(":pass-word-of-postgresql@")
    site = site_of(tmp_path, f"{user}@{rest}")
    with pytest.raises(UserError, match="no password"):
        open_store(site)
    monkeypatch.setenv("PGPASSWORD", "wr0ng-one")
    with pytest.raises(UserError, match="password authentication failed") as caught:
        open_store(site)
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(UserError, match="password authentication failed") as caught:
        open_store(site_of(tmp_path, f"{user}:n0t-this@{rest}?application_name=n0t-this"))
    assert "n0t-this" not in str(caught.value)
    assert "n0t-this" not in repr(site_of(tmp_path, f"{user}:n0t-this@{rest}"))
    monkeypatch.setenv("PGPASSWORD", "pass-word-of-postgresql")
    with existing_store(site) as store:
        assert store is not None


def test_a_user_who_may_make_no_tables_is_told_so(
    tmp_path: Path, postgresql: PostgreSQL, url: str
) -> None:
    """Since PostgreSQL 15, that is everybody but the database's owner."""
    postgresql.execute("create role guest login password 'guest'")
    _, _, rest = url.partition("@")
    with pytest.raises(UserError, match="permission denied for schema public"):
        open_store(site_of(tmp_path, f"postgresql://guest:guest@{rest}"))


def test_the_doctor_says_what_answers_and_changes_nothing(
    tmp_path: Path, postgresql: PostgreSQL, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = site_of(tmp_path, None)
    assert store_standing(plain).endswith("cases.sqlite: none yet")
    open_store(plain).close()
    assert store_standing(plain).startswith("SQLite 3.")
    name = url.rpartition("/")[2]
    named = site_of(tmp_path, url)
    assert "; its tables come with the first run" in store_standing(named)
    assert postgresql.execute(
        "select count(*) from pg_tables where schemaname = 'public'", name
    ) == [(0,)]
    open_store(named).close()
    assert store_standing(named).startswith("PostgreSQL 1")
    assert store_standing(named).endswith(f":***@127.0.0.1:{postgresql.port}/{name}")
    (found,) = [f for f in doctor.examine() if f.what == "case store"]
    assert (found.trouble, found.value) == ("", store_standing(named))
    site_of(tmp_path, url.replace(name, "nowhere"))
    (found,) = [f for f in doctor.examine() if f.what == "case store"]
    assert 'database "nowhere" does not exist' in found.trouble
