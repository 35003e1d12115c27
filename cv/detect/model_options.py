"""Options of every command that loads a model to run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from cv.detect.backends import BackendName

__all__ = ["BackendOption", "ModelOption", "ThreadsOption"]

ModelOption = Annotated[
    Path | None, typer.Option("--model", help="ONNX file.", show_default="the model that ships")
]
BackendOption = Annotated[
    str, typer.Option("--backend", help=f"{', '.join(get_args(BackendName))}.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", help="Cores for inference.", show_default="all usable"),
]
