"""How a training run goes: loss and AP over epochs, from its `results.csv`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cv.whole_file import write_whole

__all__ = ["drop_epochs", "plot_run"]

Columns = dict[str, list[float]]


def drop_epochs(results: Path, first: int) -> None:
    """Drop the rows of this epoch and later ones, and torn ones: they are about to come again.

    Who wrote them was killed before a checkpoint held these epochs, or could not write all of it.
    """
    try:
        head, *rows = results.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    except FileNotFoundError:
        return
    whole = (r for r in rows if r.endswith("\n") and r.count(",") == head.count(","))
    kept = [row for row in whole if int(row.partition(",")[0]) < first]
    if kept:
        write_whole(results, "".join((head, *kept)).encode())
    else:  # whoever writes the next row writes the head, too
        results.unlink()


def plot_run(results: Path) -> Path:
    """Draw `results.png` beside `results.csv`; gives it. A reader never sees half a picture."""
    columns = _read(results)
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    loss, mean, labels = figure.subplots(1, 3)
    _lines(loss, columns, "train/", "loss while training")
    _lines(mean, columns, "val/", "held-out photos, mean")
    _lines(labels, columns, "val/AP50 ", "held-out photos, AP50")
    for axis in (mean, labels):
        axis.set_ylim(0, 1)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    out = results.with_suffix(".png")
    write_whole(out, buffer.getvalue())
    return out


def _read(results: Path) -> Columns:
    with results.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else {})}


def _lines(axis: Axes, columns: Columns, prefix: str, title: str) -> None:
    # "val/" is for the means only; each label's AP50 has a space in its name.
    chosen = [n for n in columns if n.startswith(prefix) and (" " in n) == (" " in prefix)]
    for number, name in enumerate(chosen):
        style = ("-", "--")[number // 10 % 2]  # matplotlib has ten colours
        label = name.removeprefix(prefix)
        axis.plot(columns["epoch"], columns[name], style, marker=".", label=label)
    axis.set_title(title)
    axis.set_xlabel("epoch")
    axis.grid(alpha=0.3)
    if chosen:
        axis.legend(fontsize=7, ncols=2 if len(axis.lines) > 6 else 1)
