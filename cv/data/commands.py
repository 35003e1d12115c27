"""`kerbwatch data build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cv.tables import plain_table

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _data() -> None:
    """Labelled photos for training."""


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    sources: Annotated[Path, typer.Option(help="Folder of source files.")] = Path(
        "datasets/sources"
    ),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the sources' photos.",
            show_default="$KERBWATCH_MEDIA/data or ../shared/data",
        ),
    ] = None,
) -> None:
    """Make one data set from the sources that are described (生成数据集)."""
    from cv.data.build import build_data
    from cv.data.samples import default_data

    console = Console()
    with console.status("reading, splitting and copying photos"):
        made = build_data(sources, data or default_data(), out)
    for title, counts in (("source", made.photos), ("label", made.boxes)):
        noun = "photos" if title == "source" else "boxes"
        table = plain_table(title, f"{noun} to train on", "held out", right=True)
        for name, (training, held) in counts.items():
            table.add_row(name, str(training), str(held))
        console.print(table)
        console.print()
    if made.dropped:
        typer.echo(f"left out, for they nearly equal a held-out photo: {len(made.dropped)}")
    typer.echo(f"{made.out}: manifest {made.sha256[:16]}; train with --data {made.out}")
