"""`kerbwatch evidence`: a key for originals."""

from __future__ import annotations

import typer

from cv.evidence.sealing import KEY_VARIABLE, new_key

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command()
def key() -> None:
    """Print a fresh key that originals are encrypted with (原图加密密钥)."""
    typer.echo(new_key())
    typer.echo(
        f"put it into {KEY_VARIABLE}, before older ones, and keep a copy elsewhere: "
        "without it no original can be read",
        err=True,
    )
