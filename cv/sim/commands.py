"""`kerbwatch sim render | photos`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from cv.durations import option_seconds

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def render(
    scenario: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="MP4 file to write.")],
    every: Annotated[
        str | None,
        typer.Option(help="Time between frames, like 100ms.", show_default="the scenario's"),
    ] = None,
) -> None:
    """Film a scenario: the clip, boxes per frame, true incidents, and a site file (仿真)."""
    from cv.sim.clip import write_clip

    console = Console(stderr=True)
    written = write_clip(
        scenario,
        out,
        lambda times: track(times, out.name, console=console, transient=True),
        option_seconds("--every", every) if every else None,
    )
    typer.echo("\n".join(f"{path}: {what}" for path, what in written.items()))


@app.command()
def photos(
    to: Annotated[Path, typer.Option(help="Folder to write, a source for training.")],
    count: Annotated[int, typer.Option(min=1, help="Photos.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other streets.")] = 0,
) -> None:
    """Make labelled photos of made-up streets, to train on (仿真照片)."""
    from cv.sim.photos import write_photos

    console = Console(stderr=True)

    write_photos(to, count, seed, lambda n: track(n, "photos", console=console, transient=True))
    typer.echo(f"{to}: {count} photos")
