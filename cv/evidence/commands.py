"""`kerbwatch evidence`: key, log, verify, original; `kerbwatch retention`: run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cv.cases.opening import existing_store, store_file
from cv.cases.since import moment
from cv.cases.store import CaseStore
from cv.errors import KerbwatchError, UserError
from cv.evidence.chain import verify_chain
from cv.evidence.log import Answer, Entry, EvidenceLog, original_read, os_user
from cv.evidence.lookup import find_original
from cv.evidence.originals import Originals, open_originals
from cv.evidence.retention import Retention
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.plain_text import one_line
from cv.site import Site
from cv.site.choice import DataOption, SiteOption, open_site
from cv.tables import plain_table

__all__ = ["app", "retention_app"]

app = typer.Typer(no_args_is_help=True)
retention_app = typer.Typer(no_args_is_help=True)

_LEAST_REASON = 4


@app.command()
def key() -> None:
    """Print a fresh key that originals are encrypted with (原图加密密钥)."""
    typer.echo(new_key())
    typer.echo(
        f"put it into {KEY_VARIABLE}, before older ones, and keep a copy elsewhere: "
        "without it no original can be read",
        err=True,
    )


@app.command()
def log(
    since: Annotated[
        str, typer.Option(help="Of the last 24h, 7d, ... or since 2026-03-14[T15:30].")
    ] = "7d",
    as_json: Annotated[
        bool, typer.Option("--json", help="The entries as they were written, one a line.")
    ] = False,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Show who saw which evidence, and what was deleted (证据访问日志)."""
    place = open_site(site, data)
    with _opened(place) as store:
        lines = EvidenceLog(store.database).lines(moment(since, place))
        if as_json:
            for line in lines:
                typer.echo(line)
            return
        table = plain_table("entry", "when", "who", "did", "what", "why")
        for line in lines:
            cells = _cells(Entry.model_validate_json(line), place)
            table.add_row(*(escape(one_line(cell)) for cell in cells))
    Console().print(table if table.row_count else "Nobody saw anything, nothing was deleted.")


@app.command()
def verify(
    head: Annotated[
        str | None,
        typer.Option(help="A head noted earlier: nothing up to it may be missing."),
    ] = None,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Check that nobody changed the log (校验日志). Exit status 1 names the first broken entry."""
    if head is not None:
        head = head.strip().lower()
        if not re.fullmatch(r"[0-9a-f]{64}", head):
            raise UserError("--head: all 64 characters that `verify` printed are needed")
    with _opened(open_site(site, data)) as store:
        verdict = verify_chain(EvidenceLog(store.database).rows(), head=head)
    if verdict.broken is not None:
        raise KerbwatchError(f"entry {verdict.broken} {verdict.why}")
    typer.echo(f"{verdict.count} entries, each follows from the one before; head {verdict.head}")


@app.command()
def original(
    picture: Annotated[
        str, typer.Argument(help="CASE or CASE/scene, CASE/before, ...; PHOTO or PHOTO/2, ...")
    ],
    reason: Annotated[str, typer.Option(help="Why it must be seen unmasked; goes into the log.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Write one unmasked picture to a file (查看未打码原图，须说明理由)."""
    reason = " ".join(reason.split())
    if not _LEAST_REASON <= len(reason) <= 500:
        raise UserError(f"--reason: {_LEAST_REASON} to 500 characters")
    if out.exists():
        raise UserError(f"{out}: exists already")
    place = open_site(site, data)
    originals = open_originals(place.reporting.data)
    with _opened(place) as store:
        file, content = _read_original(store, originals, picture, reason)
    try:
        _write_private(out, content)
    except OSError as error:
        raise UserError(f"{out}: {error.strerror}") from error
    typer.echo(f"{out}: {file}; that you have it is in the log")


@retention_app.callback()
def _retention() -> None:
    """Delete what is past its deadline, and leave proof in the log (到期删除)."""


@retention_app.command()
def run(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")
    ] = False,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Delete what is past its deadline; `detect` and `serve` do it every hour.

    Exit status 1 if something could not be deleted.
    """
    place, now = open_site(site, data), datetime.now(UTC)
    with _opened(place) as store:
        retention = Retention(place, store.database)
        if dry_run:
            for lot in retention.due(now):
                for what in (*lot.files, *lot.records):
                    typer.echo(f"{what}: privacy.{lot.rule}")
                for failure in lot.unread:
                    typer.echo(f"not read: {failure}", err=True)
            return
        sweep = retention.run(now)
    for failure in sweep.failed:
        typer.echo(f"not deleted: {failure}", err=True)
    pruned = f"; {sweep.pruned} entries of the log were past theirs" if sweep.pruned else ""
    typer.echo(f"{sweep.deleted} files and reports deleted{pruned}")
    if sweep.failed:
        raise typer.Exit(1)


def _read_original(
    store: CaseStore, originals: Originals, picture: str, reason: str
) -> tuple[str, bytes]:
    """Its file and the picture. Whatever becomes of it is an entry of the log first."""

    def note(outcome: Answer, what: str) -> None:
        EvidenceLog(store.database).write(original_read(what, os_user(), reason, outcome))

    try:
        owner, name = _named(store, picture)
        file = find_original(store.database, originals, owner, name)
    except UserError:
        note("refused", picture[:100])
        raise
    if file is None and originals.are_away:
        note("unreadable", f"{owner}/{name}")
        raise UserError(f"{originals.data / 'originals'}: nothing there; is its disk mounted?")
    if file is None:
        note("gone", f"{owner}/{name}")
        raise UserError(f"{owner}/{name}: the original is deleted")
    try:
        content = originals.read(file)
    except UserError:
        note("unreadable", file)
        raise
    except OSError as error:
        note("unreadable", file)
        raise UserError(f"{file}: {error.strerror}") from error
    note("served", file)
    return file, content


def _write_private(out: Path, content: bytes) -> None:
    """A new file that only its owner may read; none at all, if there is no room for all of it."""
    out.touch(mode=0o600, exist_ok=False)
    try:
        out.write_bytes(content)
    except OSError:
        out.unlink()
        raise


def _named(store: CaseStore, picture: str) -> tuple[str, str]:
    owner, _, name = picture.partition("/")
    if owner.startswith("ph-"):
        return owner, name or "1"
    return store.case(owner).case.id, name or "scene"


def _cells(entry: Entry, site: Site) -> tuple[str, ...]:
    return (
        str(entry.seq),
        f"{entry.at.astimezone(site.tz):%Y-%m-%d %H:%M:%S}",
        f"{entry.who} {entry.address or ''}",
        f"{entry.action} {entry.outcome}",
        entry.what,
        entry.reason or entry.rule or "",
    )


@contextmanager
def _opened(site: Site) -> Iterator[CaseStore]:
    """The store, which must be there: looking makes none."""
    with existing_store(site) as store:
        if store is None:
            raise UserError(f"{store_file(site)} does not exist: nothing is kept there")
        yield store
