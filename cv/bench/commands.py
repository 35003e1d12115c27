"""`kerbwatch bench`: incidents; the speed commands are in speed.py."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from cv.bench.incidents import GatedEyes, ModelEyes, own_scenarios, play
from cv.bench.outcome import Outcome, Summary, as_document, summary
from cv.bench.real import Clip, clips, watch_clip
from cv.bench.speed import archive, cameras, infer, photos
from cv.data.samples import default_data
from cv.detect.detector import Detector
from cv.detect.model_options import ModelOption
from cv.errors import UserError
from cv.sim.blender import blender_library
from cv.sim.reading import load_scenario
from cv.tables import plain_table

__all__ = ["app"]

Item = TypeVar("Item", Path, Clip)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(infer)
app.command()(photos)
app.command()(archive)
app.command()(cameras)

_PRECISION, _RECALL = 0.9, 0.9
"""What the model is to reach on simulated clips."""


class Part(StrEnum):
    """What incidents are measured on."""

    PERFECT = "perfect"
    GATED = "gated"
    MODEL = "model"
    REAL = "real"


_TITLES = {
    Part.PERFECT: "Incidents on perfect boxes",
    Part.GATED: "Incidents on perfect boxes, looked for anew where the film changes",
    Part.MODEL: "Incidents that the model makes of simulated clips",
    Part.REAL: "Incidents that the model makes of real clips",
}


@app.callback()
def _bench() -> None:
    """Measure kerbwatch."""


@app.command()
def incidents(
    scenarios: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files.", show_default="those that come with kerbwatch"),
    ] = None,
    only: Annotated[
        list[Part] | None,
        typer.Option(help="A part to measure; repeatable.", show_default="perfect, model and real"),
    ] = None,
    model: ModelOption = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compare incidents with what really happened (事件评测).

    `perfect`: the rules alone, on the right boxes of simulated streets; seconds. `gated`: the same
    boxes, but looked for anew only where the film changes; minutes. `model`: what the
    model sees in their film; minutes, needs the extra `sim`. `real`: real clips below
    KERBWATCH_MEDIA. Exit status 1 if perfect boxes give anything missed, made up, doubled, or more
    than a look late; the model makes more than one in ten up, misses more than one in ten, or
    doubles any; real clips give anything made up, missed or doubled; or a turned camera goes
    unnoticed, or one that hangs still is reported.
    """
    console = Console(stderr=True)
    files = scenarios or own_scenarios()
    usual = [Part.PERFECT, Part.MODEL] if scenarios else [Part.PERFECT, Part.MODEL, Part.REAL]
    parts = only or usual
    # What is missing or wrong is said before the long parts, not after them.
    if scenarios and set(parts) == {Part.REAL}:
        raise UserError("--only real plays no scenarios; name none, or another part as well")
    _can_be_played(files, film=bool({Part.GATED, Part.MODEL} & set(parts)))
    videos = default_data().parent / "video"
    real = _real(videos, console) if Part.REAL in parts else []
    detector = Detector(model) if {Part.MODEL, Part.REAL} & set(parts) else None
    measured: dict[Part, list[Outcome]] = {}

    def each(items: Sequence[Item], part: Part, one: Callable[[Item], Outcome]) -> None:
        shown: Iterable[Item] = track(items, part, console=console, transient=True)
        measured[part] = [one(item) for item in shown]
        if not json:
            _print(_TITLES[part], measured[part])

    if Part.PERFECT in parts:
        each(files, Part.PERFECT, play)
    if Part.GATED in parts:
        each(files, Part.GATED, lambda file: play(file, GatedEyes))
    if Part.MODEL in parts and detector:
        each(files, Part.MODEL, lambda file: play(file, partial(ModelEyes, detector=detector)))
    if detector and real:
        each(real, Part.REAL, lambda clip: watch_clip(clip, videos, detector))
    if json:
        typer.echo(jsonlib.dumps({part: as_document(summary(o)) for part, o in measured.items()}))
    if not all(_reached(part, outcomes) for part, outcomes in measured.items()):
        raise typer.Exit(1)


def _can_be_played(files: Sequence[Path], *, film: bool) -> None:
    for file in files:
        load_scenario(file)
    if film:
        try:
            blender_library()
        except UserError as error:
            raise UserError(f"{error}; without it, --only perfect or --only real") from error


def _real(videos: Path, console: Console) -> list[Clip]:
    there, missing = clips(videos)
    if not there:
        raise UserError(f"{videos}: none of the real clips is there; set KERBWATCH_MEDIA or --only")
    for name in missing:
        console.print(f"[yellow]not measured:[/yellow] {videos / name} is missing", soft_wrap=True)
    return there


def _reached(part: Part, outcomes: Sequence[Outcome]) -> bool:
    if part in (Part.PERFECT, Part.GATED):
        return all(outcome.exact for outcome in outcomes)
    if part is Part.REAL:
        return all(outcome.right for outcome in outcomes)
    if not all(outcome.faults.right for outcome in outcomes):
        return False
    both = summary(outcomes)
    return both.precision >= _PRECISION and both.recall >= _RECALL and not both.duplicates


def _delay(seconds: float) -> str:
    if isfinite(seconds):
        return f"{seconds:+.0f}"
    return "never" if seconds > 0 else "too soon"


def _turned(of: Summary) -> str:
    """How often a turned camera was noticed, of how often it was, and how often for nothing."""
    noticed = f"{of.noticed_turns} of {of.turns}" if of.turns else ""
    return noticed + (f" +{of.false_turns} false" if of.false_turns else "")


def _print(title: str, outcomes: Sequence[Outcome]) -> None:
    columns = ("scenario", "true", "found", "false", "doubled", "open", "clear", "turned", "")
    title = f"{title}; the largest delays, in seconds"
    table = plain_table(*columns, title=title, whole=columns[1:], right=True)
    for outcome in outcomes:
        one = summary([outcome])
        table.add_row(
            escape(outcome.name),
            *map(str, (outcome.true, outcome.found, outcome.false, outcome.duplicates)),
            _delay(one.open_delay_s),
            _delay(one.clear_delay_s),
            _turned(one),
            "exact" if outcome.exact else "right" if outcome.right else "[red]wrong[/red]",
        )
    table.add_section()
    both = summary(outcomes)
    table.add_row(
        f"precision {both.precision:.2f}, recall {both.recall:.2f}",
        str(sum(o.true for o in outcomes)),
        str(sum(o.found for o in outcomes)),
        str(sum(o.false for o in outcomes)),
        str(both.duplicates),
        _delay(both.open_delay_s),
        _delay(both.clear_delay_s),
        _turned(both),
        "",
    )
    Console().print(table)
