"""Options for a person's own words, which are kept with a case."""

from __future__ import annotations

from typing import Annotated

import typer

from cv.errors import UserError

__all__ = ["ByOption", "NoteOption"]


def _readable(option: typer.CallbackParam, text: str | None) -> str | None:
    """A case is JSON in UTF-8; a terminal that is set to another encoding sends other bytes.

    Raises:
        UserError: they are none.
    """
    if text and text.encode(errors="ignore").decode() != text:
        raise UserError(f"{option.opts[0]} {text[:40]!r}: not UTF-8 text; set the terminal to it")
    return text


ByOption = Annotated[
    str | None,
    typer.Option(help="Who says so.", envvar="USER", show_default="$USER", callback=_readable),
]
NoteOption = Annotated[
    str | None, typer.Option(help="What was done.", show_default=False, callback=_readable)
]
