"""`kerbwatch cases`: list, show, deliver, retry, schema."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cv.cases.case import Case
from cv.cases.outbox import DeliveryReport, Outbox
from cv.cases.store import CaseStore, DeliveryRecord, StoredCase
from cv.cases.targets import build_targets
from cv.detect.evidence import span
from cv.errors import UserError
from cv.site import Site
from cv.site_choice import open_site

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

SiteOption = Annotated[
    Path | None, typer.Option(help="Site file.", show_default="./site.toml if there is one")
]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the cases.", show_default="the site file's")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


@app.command("list")
def list_cases(
    site: SiteOption = None,
    data: DataOption = None,
    state: Annotated[str | None, typer.Option(help="open or cleared.")] = None,
    camera: Annotated[str | None, typer.Option(help="Of this camera.")] = None,
    matter: Annotated[str | None, typer.Option(help="Of this matter, e.g. blocked_lane.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Seen since, on the site's clock."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List cases, the latest first."""
    if state not in (None, "open", "cleared"):
        raise UserError(f"--state {state!r} is unknown; choose open or cleared")
    place = open_site(site, data)
    with _store(place) as store:
        found = store.cases(
            state=state,
            camera=camera,
            matter=matter,
            since=since.replace(tzinfo=place.tz) if since else None,
            limit=limit,
        )
        if as_json:
            for stored in found:
                typer.echo(json.dumps(_document(store, stored), ensure_ascii=False))
            return
        if not found:
            typer.echo("No cases.")
            return
        Console().print(_case_table(store, found))


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="The case's id, or its beginning.")],
    site: SiteOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one case and its deliveries."""
    place = open_site(site, data)
    with _store(place) as store:
        stored = store.case(case)
        if as_json:
            typer.echo(json.dumps(_document(store, stored), ensure_ascii=False, indent=2))
            return
        _show(stored, store.deliveries(stored.case.id), place)


@app.command()
def deliver(
    site: SiteOption = None,
    data: DataOption = None,
    watch: Annotated[bool, typer.Option(help="Keep going until Ctrl-C.")] = False,
) -> None:
    """Deliver what is due."""
    place = open_site(site, data)
    with _store(place) as store, Outbox(store, build_targets(place)) as outbox:
        if watch:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            outbox.run(stop)
            return
        report = outbox.deliver_due()
    typer.echo(_sentence(report, place))
    if report.failed or report.dead:
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
        raise UserError("name cases, or give --dead for all dead letters")
    place = open_site(site, data)
    with _store(place) as store:
        ids = [store.case(prefix).case.id for prefix in cases] if cases else None
        count = store.retry(ids, datetime.now(UTC))
    typer.echo(f"{_plural(count, 'message')} due now; deliver with `kerbwatch cases deliver`")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a case."""
    typer.echo(json.dumps(Case.model_json_schema(), ensure_ascii=False, indent=2))


def _store(site: Site) -> CaseStore:
    return CaseStore(site.reporting.data / "cases.sqlite")


def _document(store: CaseStore, stored: StoredCase) -> dict[str, object]:
    """A case as JSON, with its number and deliveries."""
    deliveries = [
        {
            "key": d.key,
            "target": d.target,
            "event": d.event,
            "state": d.state,
            "attempts": d.attempts,
            "next_at": d.next_at.isoformat() if d.state == "pending" else None,
            "delivered_at": d.delivered_at.isoformat() if d.delivered_at else None,
            "last_error": d.last_error,
        }
        for d in store.deliveries(stored.case.id)
    ]
    case = stored.case.model_dump(mode="json")
    return {**case, "number": stored.number, "deliveries": deliveries}


def _case_table(store: CaseStore, found: list[StoredCase]) -> Table:
    table = Table()
    for column in ("id", "matter", "camera/zone", "first seen", "for", "state", "delivery"):
        table.add_column(column, no_wrap=column in ("id", "first seen"))
    for stored in found:
        case = stored.case
        dwell_s = (case.time.last_seen - case.time.first_seen).total_seconds()
        table.add_row(
            case.id[:11],
            f"{case.matter.matter}\n{case.matter.code5} {case.matter.name_zh}",
            f"{case.source.channel_id}/{case.detections[0].roi.id}",
            f"{case.time.first_seen:%y-%m-%d %H:%M:%S}",
            span(dwell_s),
            "cleared" if case.state == "cleared" else "open",
            "\n".join(_standing(store.deliveries(case.id))),
        )
    return table


def _standing(deliveries: list[DeliveryRecord]) -> list[str]:
    """Per target, how its latest message stands."""
    latest = {d.target: d for d in deliveries if d.state != "superseded"}
    waiting = {d.target: d for d in reversed(deliveries) if d.state in ("pending", "dead")}
    shown = {**latest, **waiting}
    return [
        f"{target}: {d.event} {d.state}" + (f" ({d.attempts} tries)" if d.attempts > 1 else "")
        for target, d in shown.items()
    ]


def _show(stored: StoredCase, deliveries: list[DeliveryRecord], site: Site) -> None:
    case, console = stored.case, Console()
    seen = case.detections[0]
    facts = Table(show_header=False, box=None)
    for name, value in (
        ("id", case.id),
        ("number", stored.number or "none yet"),
        ("matter", f"{case.matter.code5} {case.matter.name_zh} {case.matter.name_en}"),
        ("or", ", ".join(f"{a.code5} {a.name_zh}" for a in case.matter.alternatives) or "-"),
        ("state", f"{case.state}, review {case.review.state}"),
        ("camera", f"{case.source.channel_id} {case.source.camera_name}"),
        ("zone", f"{seen.roi.id} {seen.roi.name} ({seen.roi.type})"),
        ("address", case.place.address or "-"),
        ("seen", f"{case.time.first_seen.isoformat()} to {case.time.last_seen.isoformat()}"),
        ("by", f"{seen.label} {seen.conf:.2f}, {seen.hits} of {seen.looks} looks"),
        ("rule", f"{case.rule.id}: {span(case.rule.dwell_s)}, presence {case.rule.presence}"),
        ("model", f"{case.model.name} {case.model.version}"),
        *((item.role, _evidence(item.file, item.masked, site)) for item in case.evidence),
    ):
        facts.add_row(name, escape(value))
    console.print(facts)
    table = Table("message", "target", "state", "tries", "next", "last error")
    for d in deliveries:
        due = d.next_at.astimezone(site.tz)
        next_try = f"{due:%m-%d %H:%M:%S}" if d.state == "pending" else ""
        row = (d.event, d.target, d.state, str(d.attempts), next_try, d.last_error or "")
        table.add_row(*row)
    console.print(table)


def _evidence(file: str, masked: bool, site: Site) -> str:
    withheld = "" if masked else " (not masked: withheld)"
    return f"{site.reporting.data / file}{withheld}"


def _sentence(report: DeliveryReport, site: Site) -> str:
    parts = [f"{_plural(report.delivered, 'message')} delivered"]
    if report.failed:
        parts.append(f"{report.failed} failed")
    if report.dead:
        parts.append(f"{report.dead} given up (see cases retry)")
    if report.pending:
        due = report.next_at.astimezone(site.tz) if report.next_at else None
        parts.append(f"{report.pending} waiting" + (f", next at {due:%H:%M:%S}" if due else ""))
    return ", ".join(parts)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
