"""`kerbwatch cases`: list, show, review, close, deliver, retry, schema."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from cv.cases.case import case_schema
from cv.cases.closing import close_case
from cv.cases.delivering import outbox_of
from cv.cases.display import (
    case_document,
    case_facts,
    case_table,
    delivery_table,
    plural,
    report_sentence,
)
from cv.cases.filter import CaseFilter
from cv.cases.opening import existing_store, open_store, store_file
from cv.cases.parts import ClosurePart
from cv.cases.recoding import recoding
from cv.cases.review import REASONS_ZH, RejectReason, is_by_person, review_of
from cv.cases.since import moment
from cv.cases.unwatched import is_unwatched
from cv.cases.word_options import ByOption, NoteOption
from cv.errors import UserError
from cv.labels import Matter
from cv.plain_text import printable_json
from cv.site import Site
from cv.site.choice import DataOption, SiteOption, open_site

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


class StateChoice(StrEnum):
    """What --state takes; open is neither cleared nor closed."""

    OPEN = "open"
    NEW = "new"
    UPDATED = "updated"
    CLEARED = "cleared"
    CLOSED = "closed"


class ReviewChoice(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@app.command("list")
def list_cases(
    site: SiteOption = None,
    data: DataOption = None,
    state: Annotated[
        StateChoice | None,
        typer.Option(help="open is neither cleared nor closed.", show_default="any"),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Of this camera.", show_default="any")] = None,
    matter: Annotated[Matter | None, typer.Option(help="Of this matter.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Seen in the last 24h, 30m, ... or since 2026-03-14[T15:30]."),
    ] = None,
    review: Annotated[
        ReviewChoice | None,
        typer.Option(help="proposed is what nobody has reviewed.", show_default="any"),
    ] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Only those that wait for a review.")
    ] = False,
    dead: Annotated[bool, typer.Option("--dead", help="Only those with a dead letter.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List cases, the latest first."""
    place = open_site(site, data)
    wanted = CaseFilter(
        state=state,
        camera=camera,
        matter=matter,
        since=moment(since, place) if since else None,
        review=review,
        held=held,
        dead=dead,
    )
    with existing_store(place) as store:
        if store is None:
            if not as_json:
                typer.echo(_nothing_yet(place))
            return
        # No database counts farther, and nobody has as many.
        found = store.cases(wanted, limit=min(limit, sys.maxsize))
    if as_json:
        for stored in found:
            typer.echo(printable_json(case_document(stored, place)))
    elif found:
        Console().print(case_table(found, place))
    else:
        typer.echo("No such cases.")


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="The case's id, or its beginning.")],
    site: SiteOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one case and its deliveries."""
    place = open_site(site, data)
    with existing_store(place) as store:
        if store is None:
            raise _no_such(case, place)
        stored = store.case(case)
    if as_json:
        typer.echo(printable_json(case_document(stored, place), indent=2))
        return
    console = Console()
    console.print(case_facts(stored, place))
    console.print(delivery_table(stored.deliveries, place))


@app.command()
def review(
    cases: Annotated[list[str], typer.Argument(help="Ids, or their beginnings.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="It is what the case says.")] = False,
    reject: Annotated[
        RejectReason | None,
        typer.Option(
            help="It is none: "
            + ", ".join(f"{reason} {REASONS_ZH[reason]}" for reason in RejectReason),
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(help="With --confirm: the code to file it under.", show_default="as it is"),
    ] = None,
    by: ByOption = None,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Confirm or reject cases (复核); kerbwatch data feedback learns from it.

    With reporting.review_first, what is confirmed is posted and what is rejected is not.
    """
    if confirm == (reject is not None):
        raise UserError("give --confirm, or --reject with a reason")
    if code is not None and reject:
        raise UserError("--code goes with --confirm")
    place = open_site(site, data)
    with existing_store(place) as store:
        if store is None:
            raise _no_such(cases[0], place)
        found = [store.case(prefix) for prefix in cases]
        word = review_of(reject, by, datetime.now(place.tz), code)
        # All of them first: a code that does not fit the last must not leave half of them done.
        recodings = [
            recoding(one.case, code, place, one.filed_at) if code is not None else None
            for one in found
        ]
        done = [
            store.review(one.case.id, word, recoding=other, targets=place.reporting.targets)
            for one, other in zip(found, recodings, strict=True)
        ]
    for case in (one.case for one in found):
        if is_by_person(case.review) and case.review.state != word.state:
            before = f"{case.review.state} by {case.review.by or 'somebody'}"
            typer.echo(f"{case.id} was {before}; this word replaces that", err=True)
    moved, due = sum(d.moved for d in done), sum(d.told for d in done)
    news = _news(moved, due) if reject else _news(0, due + moved)
    under = f" under {code}" if code is not None else ""
    typer.echo(f"{plural(len(found), 'case')} {word.state}{under}{news}")


@app.command()
def close(
    cases: Annotated[list[str], typer.Argument(help="Ids, or their beginnings.")],
    note: NoteOption = None,
    by: ByOption = None,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Say that cases are done with (结案), where no target's desk can be asked."""
    place = open_site(site, data)
    with existing_store(place) as store:
        if store is None:
            raise _no_such(cases[0], place)
        found = [store.case(prefix).case for prefix in cases]
        closure = ClosurePart(at=datetime.now(UTC), by=by, note=note and note[:1000])
        told = place.reporting.targets
        done = [
            close_case(
                store.database,
                case.id,
                closure,
                told=told,
                unwatched=partial(is_unwatched, site=place),
            )
            for case in found
        ]
    closed = [consequence for consequence in done if consequence is not None]
    before = len(done) - len(closed)
    also = f", {before} before" if before else ""
    news = _news(sum(c.moved for c in closed), sum(c.told for c in closed))
    typer.echo(f"{plural(len(closed), 'case')} closed{also}{news}")


@app.command()
def deliver(
    site: SiteOption = None,
    data: DataOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep going until Ctrl-C.")] = False,
) -> None:
    """Deliver what is due. Exit status 1 if something failed."""
    place = open_site(site, data)
    if watch:
        if not place.reporting.targets:
            raise UserError("--watch: reporting.targets names nobody to deliver to")
        _deliver_until_stopped(place)
        return
    with existing_store(place) as store:
        if store is None:
            typer.echo(_nothing_yet(place))
            return
        with outbox_of(store, place) as outbox, _until_signal() as stop:
            report = outbox.deliver_due(stop)
            off, unserved = outbox.turned_off(), outbox.unserved()
    typer.echo(report_sentence(report, place))
    for target, count in unserved.items():
        typer.echo(
            f"{plural(count, 'message')} waiting for {target}, which reporting.targets "
            "does not name any more",
            err=True,
        )
    for target, reason in off.items():
        typer.echo(
            f"{target} is off: {reason}; `kerbwatch cases retry --dead` turns it on", err=True
        )
    if report.failed or report.dead or off or unserved:
        raise typer.Exit(1)


@app.command()
def retry(
    cases: Annotated[list[str] | None, typer.Argument(help="Ids, or their beginnings.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All dead letters.")] = False,
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Make messages due now: of the cases named, or all dead letters."""
    if bool(cases) == dead:
        raise UserError("give ids of cases, or --dead for all dead letters")
    place = open_site(site, data)
    with existing_store(place) as store:
        if store is None:
            if cases:
                raise _no_such(cases[0], place)
            typer.echo(_nothing_yet(place))
            return
        ids = [store.case(prefix).case.id for prefix in cases] if cases else None
        count = store.retry(ids, datetime.now(UTC))
    typer.echo(f"{plural(count, 'message')} due now; deliver with: kerbwatch cases deliver")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a case."""
    typer.echo(printable_json(case_schema(), indent=2))


def _deliver_until_stopped(site: Site) -> None:
    with (
        open_store(site) as store,
        outbox_of(store, site) as outbox,
        _until_signal() as stop,
    ):
        outbox.run(stop)


def _no_such(case: str, site: Site) -> UserError:
    return UserError(f"{case[:40]!r}: no such case; {store_file(site)} does not exist yet")


def _news(withdrawn: int, due: int) -> str:
    news = f"; {plural(withdrawn, 'message')} withdrawn" if withdrawn else ""
    if due:
        news += f"; {plural(due, 'message')} due now; deliver with: kerbwatch cases deliver"
    return news


def _nothing_yet(site: Site) -> str:
    return f"No cases yet ({store_file(site)} does not exist); `kerbwatch detect` files them."


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
