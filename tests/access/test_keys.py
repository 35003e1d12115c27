"""Keys as the person who makes them sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.access.commands import app
from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.errors import UserError

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 3, 14, 15, tzinfo=UTC)


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--data", str(folder)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    text = run(tmp_path, "create", "--name", "随手拍小程序", "--role", "report").splitlines()[0]
    secret = text.split("_", 2)[2]
    listed = run(tmp_path, "list")
    assert "随手拍小程序" in listed
    assert secret not in listed
    with CaseStore(tmp_path / "cases.sqlite") as store:
        assert Keys(store.database).verify(text) is not None
        stored = b"".join(file.read_bytes() for file in tmp_path.glob("cases.sqlite*"))
    assert b"$argon2id$" in stored
    assert secret.encode() not in stored


def test_a_name_that_looks_like_markup_or_moves_the_cursor_is_shown_as_text(
    tmp_path: Path,
) -> None:
    """One such name hid all keys, also from who wants to revoke one."""
    result = CliRunner().invoke(
        app, ["create", "--name", "app [/v2]\n\x1b[31mred", "--data", str(tmp_path)]
    )
    key_id = result.stdout.split("_")[1]
    shown = result.stderr, run(tmp_path, "list"), run(tmp_path, "revoke", key_id)
    assert all("app [/v2] [31mred" in text and "\x1b" not in text for text in shown)


def test_only_the_very_text_is_the_key(store: CaseStore) -> None:
    keys = Keys(store.database)
    assert not keys.any()
    key, text = keys.create("desk", Role.OPERATE, NOW)
    other, _ = keys.create("other", Role.ADMIN, NOW)
    assert keys.any()
    assert keys.verify(text) == key
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for attempt in (wrong, text.replace(key.id, other.id), text + "x", "", "kw_", "钥匙"):
        assert keys.verify(attempt) is None


def test_a_revoked_key_is_told_as_such(store: CaseStore) -> None:
    keys = Keys(store.database)
    key, text = keys.create("desk", Role.OPERATE, NOW)
    for later in (NOW + timedelta(hours=1), NOW + timedelta(hours=2)):
        assert keys.revoke(key.id, later).revoked_at == NOW + timedelta(hours=1)
    found = keys.verify(text)
    assert found is not None
    assert found.revoked_at == NOW + timedelta(hours=1)
    assert keys.all() == [keys.find(key.id)]


def test_a_revoked_key_stays_in_the_list(tmp_path: Path) -> None:
    run(tmp_path, "create", "--name", "app")
    (key,) = json.loads(run(tmp_path, "list", "--json"))
    run(tmp_path, "revoke", key["id"])
    (after,) = json.loads(run(tmp_path, "list", "--json"))
    assert after["revoked_at"]
    assert {"hash", "secret"}.isdisjoint(after)


def test_who_finds_a_leaked_key_ends_it_by_its_text(tmp_path: Path) -> None:
    text = run(tmp_path, "create", "--name", "app").splitlines()[0]
    said = run(tmp_path, "revoke", f" {text} ")
    assert said.startswith(text.split("_")[1])
    assert text.split("_", 2)[2] not in said
    (after,) = json.loads(run(tmp_path, "list", "--json"))
    assert after["revoked_at"]


def test_a_secret_that_was_copied_without_its_id_is_not_shown(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(app, ["revoke", "a" * 32, "--data", str(tmp_path)])
    assert "aaaa" not in str(nothing.exception), "where there is no store"
    text = run(tmp_path, "create", "--name", "app").splitlines()[0]
    for part in (text.split("_", 2)[2], text[:-1], text + "x"):
        told = CliRunner().invoke(app, ["revoke", part, "--data", str(tmp_path)])
        assert isinstance(told.exception, UserError)
        assert part[:9] not in str(told.exception)
        assert part[:8] in str(told.exception)


def test_an_unknown_key_and_an_empty_name_are_refused(store: CaseStore) -> None:
    keys = Keys(store.database)
    with pytest.raises(UserError, match="no key 'nobody'"):
        keys.revoke("nobody", NOW)
    with pytest.raises(UserError, match="--name"):
        keys.create("  ", Role.REPORT, NOW)


@pytest.mark.parametrize(
    ("role", "includes"),
    [
        (Role.REPORT, {Role.REPORT}),
        (Role.OPERATE, {Role.REPORT, Role.OPERATE}),
        (Role.ADMIN, {Role.REPORT, Role.OPERATE, Role.ADMIN}),
    ],
)
def test_a_role_includes_those_before_it(role: Role, includes: set[Role]) -> None:
    assert {other for other in Role if role.includes(other)} == includes
