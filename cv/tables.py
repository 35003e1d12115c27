"""How tables look in the terminal: no frame, nothing cut off, 80 columns if possible."""

from __future__ import annotations

from rich import box
from rich.table import Table

__all__ = ["plain_table"]


def plain_table(
    *columns: str, title: str | None = None, whole: tuple[str, ...] = (), right: bool = False
) -> Table:
    """An empty table.

    Args:
        whole: columns whose cells are never broken into lines.
        right: align every column but the first to the right, for numbers.
    """
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, column in enumerate(columns):
        table.add_column(
            column,
            overflow="fold",
            no_wrap=column in whole,
            justify="right" if right and number else "left",
        )
    return table
