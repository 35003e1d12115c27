"""A measurement as people and programs see it: a table, a JSON document, a plot."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from cv.bench.timing import Ratio
from cv.cpus import cpu_features, cpu_name, usable_cpus
from cv.errors import UserError
from cv.tables import plain_table

__all__ = ["Result", "Row", "drawable", "machine", "show"]

_PACKAGES = ("kerbwatch", "onnxruntime", "openvino", "opencv-python-headless", "av", "numpy")


@dataclass(frozen=True, slots=True)
class Row:
    """One contender or case, and its numbers by column."""

    name: str
    values: dict[str, float | Ratio]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured.

    Attributes:
        title: with the unit of what is plotted.
        plotted: the columns that a plot shows side by side.
    """

    title: str
    rows: Sequence[Row]
    plotted: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        rows = [
            {
                "name": row.name,
                **{k: asdict(v) if isinstance(v, Ratio) else v for k, v in row.values.items()},
            }
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows}


def machine() -> dict[str, Any]:
    """What numbers depend on: processor, cores that may be used, versions."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu_name(),
        "features": list(cpu_features()),
        "cores": usable_cpus(),
        "python": platform.python_version(),
        "versions": versions,
    }


def drawable(plot: Path | None) -> Path | None:
    """An option's file, if a plot can be drawn there: said before anything is measured.

    Raises:
        UserError: matplotlib is not installed, or it draws no such files, or not there.
    """
    if plot is None:
        return None
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ModuleNotFoundError as error:
        raise UserError("--plot needs matplotlib; it comes with the extra train") from error
    kinds = FigureCanvasBase.get_supported_filetypes()
    if plot.suffix.removeprefix(".").lower() not in kinds:
        raise UserError(f"{plot}: no plot by its name; allowed are {' '.join(sorted(kinds))}")
    try:
        plot.parent.mkdir(parents=True, exist_ok=True)
        if plot.exists() and not plot.is_file():
            raise UserError(f"{plot}: is no file")
    except OSError as error:
        raise UserError(f"{plot}: {error.strerror}") from error
    return plot


def show(results: Sequence[Result], *, as_json: bool, plot: Path | None) -> None:
    """Print tables, or one JSON document; then draw the plot, if one is asked for.

    Args:
        plot: as `drawable` gives it.

    Raises:
        UserError: the plot cannot be written.
    """
    if as_json:
        document = {"machine": machine(), "results": [result.document() for result in results]}
        typer.echo(json.dumps(document, indent=1))
    else:
        _print(results)
    if plot:
        _draw(results, plot)


def _print(results: Sequence[Result]) -> None:
    console = Console()
    for result in results:
        columns = list(dict.fromkeys(column for row in result.rows for column in row.values))
        table = plain_table("", *columns, whole=("", *columns), right=True)
        for row in result.rows:
            table.add_row(row.name, *(_cell(row.values.get(column)) for column in columns))
        console.print(f"[italic]{escape(result.title)}[/italic]", soft_wrap=True)
        console.print(table)
    here = machine()
    console.print(f"{here['cores']} cores of {here['cpu']}", highlight=False)


def _cell(value: float | Ratio | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, Ratio) else f"{value:.{0 if value >= 100 else 1}f}"


def _draw(results: Sequence[Result], plot: Path) -> None:
    from matplotlib.figure import Figure

    heights = [1 + 0.3 * len(r.rows) * (len(r.plotted) + 0.5) for r in results]
    figure = Figure(figsize=(8, 0.5 + sum(heights)), layout="constrained")
    panels = figure.subplots(len(results), squeeze=False, height_ratios=heights).ravel()
    for axis, result in zip(panels, results, strict=True):
        width = 0.8 / len(result.plotted)
        for place, column in enumerate(result.plotted):
            values = [_height(row.values.get(column)) for row in result.rows]
            at = [n + (place - (len(result.plotted) - 1) / 2) * width for n in range(len(values))]
            bars = axis.barh(at, values, height=width, label=column)
            axis.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
        axis.set_yticks(range(len(result.rows)), [row.name for row in result.rows], fontsize=9)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.set_title(result.title, fontsize=10, loc="left")
        axis.legend(fontsize=8)
    try:
        figure.savefig(plot, dpi=90)
    except (OSError, ValueError) as error:
        raise UserError(f"{plot}: cannot write a plot there: {error}") from error


def _height(value: float | Ratio | None) -> float:
    return value.median if isinstance(value, Ratio) else value or 0.0
