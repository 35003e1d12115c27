"""The result of a check in the terminal, 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from cv.data.check import Checked, photo_name
from cv.data.counts import LabelCount, SourceCount
from cv.data.reading import Finding
from cv.data.suspicious import Suspicious
from cv.tables import plain_table

__all__ = ["check_tables"]

_MOST = 5
"""Findings of one kind that are shown; the rest is counted."""


def check_tables(checked: Checked) -> Iterator[Table]:
    """The tables that have something in them."""
    yield _sources(checked.sources)
    yield _labels(checked.labels)
    if checked.suspicious:
        yield _suspicious(checked.suspicious)
    if checked.findings:
        yield _findings(checked.findings)


def _sources(rows: Sequence[SourceCount]) -> Table:
    columns = ("source", "photos", "held out", "boxes", "complete")
    table = plain_table(*columns, whole=("photos", "held out"))
    for row in rows:
        boxes = ", ".join(f"{label} {n}" for label, n in row.boxes.items()) or "none"
        complete = ", ".join(_share(label, n, row.photos) for label, n in row.complete.items())
        table.add_row(
            escape(row.source), str(row.photos), str(row.held_out), boxes, complete or "none"
        )
    return table


def _share(label: str, photos: int, of: int) -> str:
    return label if photos == of else f"{label} (in {photos})"


def _labels(rows: Sequence[LabelCount]) -> Table:
    columns = ("label", "boxes", "share", "held out", "photos", "sizes, px at 640")
    table = plain_table(*columns, whole=columns, right=True)
    for row in rows:
        sizes = "" if row.sizes is None else " / ".join(f"{size:.0f}" for size in row.sizes)
        counts = (str(n) for n in (row.held_out, row.photos))
        table.add_row(row.label, str(row.boxes), f"{row.share:.1%}", *counts, sizes)
    table.caption = "sizes: sqrt(area) of the smallest 10 %, the median, the largest 10 %"
    table.caption_justify = "left"
    return table


def _suspicious(rows: Sequence[Suspicious]) -> Table:
    table = plain_table("suspicious", "boxes", "for example", whole=("suspicious", "boxes"))
    for doubt, count in Counter(row.doubt for row in rows).items():
        first = next(row for row in rows if row.doubt is doubt)
        example = f"{photo_name(first.sample)}: {first.label}, {first.measure}"
        table.add_row(doubt.value, str(count), escape(example))
    return table


def _findings(rows: Sequence[Finding]) -> Table:
    table = plain_table("wrong", "where")
    for kind, count in Counter(row.kind for row in rows).items():
        shown = [row for row in rows if row.kind is kind][:_MOST]
        style = "red" if kind.breaks else ""
        for row in shown:
            table.add_row(kind.value, escape(f"{row.where}: {row.message}"), style=style)
        if count > _MOST:
            table.add_row("", f"and {count - _MOST} more; --json lists all", style=style)
    return table
