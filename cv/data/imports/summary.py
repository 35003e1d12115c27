"""What an import took and left out, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from cv.data.imports.writing import Taken
from cv.tables import plain_table

__all__ = ["notes", "taken_table"]


def taken_table(taken: Taken) -> Table:
    """One row per class of the export."""
    table = plain_table("class", "label", "boxes")
    table.columns[-1].justify = "right"
    for (name, label), count in sorted(taken.boxes.items(), key=lambda row: (-row[1], row[0])):
        printable = "".join(c if c.isprintable() else "_" for c in name)
        table.add_row(escape(printable), label or "(left out)", str(count))
    return table


def notes(taken: Taken) -> Iterator[str]:
    """One line per fact; those about nothing are not told."""
    yield f"{taken.photos} photos in {taken.groups} groups, {taken.empty} of them without boxes"
    counts = {
        "photos left out, for the export has no labels for them": taken.unlabelled,
        "boxes clipped to the photo": taken.clipped,
        "boxes left out, for they are outside the photo or under a pixel": taken.outside,
        "shapes left out, for they are no boxes or have no class": taken.others,
        **{
            f"photos in which {label} is not complete, for such a box or shape is of it": count
            for label, count in sorted(taken.incomplete.items())
        },
        "photos turned upright": taken.upright,
    }
    yield from (f"{what}: {count}" for what, count in counts.items() if count)
    if taken.groups == 1 and taken.photos > 1:
        yield "all photos are one group, so none is held out; think of --group-by prefix or file"
