"""`kerbwatch bench`: incidents."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from cv.bench.incidents import Outcome, own_scenarios, play, summary
from cv.tables import plain_table

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _bench() -> None:
    """Measure kerbwatch."""


@app.command()
def incidents(
    scenarios: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files.", show_default="those that come with kerbwatch"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Play scenarios on perfect boxes and compare incidents with what really happened (事件评测).

    Exit status 1 if an incident is missed, made up, doubled, or more than a look late.
    """
    files = scenarios or own_scenarios()
    console = Console(stderr=True)
    outcomes = [play(file) for file in track(files, "scenarios", console=console, transient=True)]
    if json:
        typer.echo(jsonlib.dumps({"perfect": asdict(summary(outcomes))}))
    else:
        _print(outcomes)
    if not all(outcome.exact for outcome in outcomes):
        raise typer.Exit(1)


def _print(outcomes: list[Outcome]) -> None:
    columns = ("scenario", "true", "found", "false", "doubled", "open", "clear", "")
    title = "Incidents on perfect boxes; the largest delays, in seconds"
    table = plain_table(*columns, title=title, whole=columns[1:], right=True)
    for outcome in outcomes:
        one = summary([outcome])
        table.add_row(
            outcome.name,
            *map(str, (outcome.true, outcome.found, outcome.false, outcome.duplicates)),
            f"{one.open_delay_s:+.0f}",
            f"{one.clear_delay_s:+.0f}",
            "exact" if outcome.exact else "[red]wrong[/red]",
        )
    table.add_section()
    both = summary(outcomes)
    table.add_row(
        f"precision {both.precision:.2f}, recall {both.recall:.2f}",
        str(sum(o.true for o in outcomes)),
        str(sum(o.found for o in outcomes)),
        str(sum(o.false for o in outcomes)),
        str(both.duplicates),
        f"{both.open_delay_s:+.0f}",
        f"{both.clear_delay_s:+.0f}",
        "",
    )
    Console().print(table)
