"""`kerbwatch keys`: create, list, revoke."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cv.access.keys import Key, Keys
from cv.access.roles import Role
from cv.cases.opening import existing_store, open_store
from cv.errors import UserError
from cv.plain_text import one_line
from cv.site.choice import DataOption, SiteOption, open_site
from cv.tables import plain_table

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose key it is.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.REPORT,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Make a key for the photo service; it is printed once (新建密钥)."""
    with open_store(open_site(site, data)) as store:
        key, text = Keys(store.database).create(name, role, datetime.now(UTC))
    typer.echo(text)
    typer.echo(
        f"{key.id}: {key.role} key of {one_line(key.name)} in {store.database.name}; "
        "it cannot be shown again",
        err=True,
    )


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """List the keys, valid and revoked (密钥列表)."""
    with existing_store(open_site(site, data)) as store:
        found = Keys(store.database).all() if store else []
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in found], default=str, ensure_ascii=False))
        return
    table = plain_table("key", "role", "name", "created", "revoked")
    for key in found:
        name = escape(one_line(key.name))
        table.add_row(key.id, str(key.role), name, _day(key.created_at), _revoked(key))
    Console().print(table if found else "No keys: the service answers on this machine only.")


@app.command()
def revoke(
    key: Annotated[
        str, typer.Argument(help="The key's id, as `list` shows it; or the key itself.")
    ],
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """End a key, within seconds also for a running service (吊销密钥)."""
    with existing_store(open_site(site, data)) as store:
        if store is None:
            raise UserError("there are no keys yet")
        ended = Keys(store.database).revoke(key, datetime.now(UTC))
    typer.echo(f"{ended.id}: {ended.role} key of {one_line(ended.name)} is revoked")


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d}"


def _revoked(key: Key) -> str:
    return _day(key.revoked_at) if key.revoked_at else ""
