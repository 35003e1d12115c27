"""ONNX files, opened: what is in their graph, and what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cv.detect.model_file import ModelFile
from cv.errors import ModelError
from cv.train.sizes import Size

__all__ = ["metadata_of", "parsed", "size_in", "texts_in", "with_metadata"]


def parsed(file: ModelFile) -> Any:
    """The file as an `onnx.ModelProto`.

    Raises:
        ModelError: it is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_from_string(file.content)
    except DecodeError as error:
        raise ModelError(f"{file.path}: not an ONNX file") from error


def metadata_of(model: Any) -> dict[str, str]:
    """What a parsed model says of itself."""
    return {entry.key: entry.value for entry in model.metadata_props}


def texts_in(metadata: Mapping[str, str], key: str, file: Path) -> tuple[str, ...]:
    """A list of texts in what a file says of itself; empty if there is none.

    Args:
        file: whose metadata they are, for messages.

    Raises:
        ModelError: it is something else.
    """
    try:
        texts = json.loads(metadata.get(key, "[]"))
    except (ValueError, RecursionError):
        texts = None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ModelError(f"{file}: its metadata are damaged: {key} is no list of texts")
    return tuple(texts)


def size_in(metadata: Mapping[str, str], file: Path) -> Size:
    """The network's size in what a file says of itself; older files, all of n, do not say it.

    Raises:
        ModelError: it is none of ours.
    """
    stated = metadata.get("size", Size.N)
    if stated not in list(Size):
        known = ", ".join(Size)
        raise ModelError(f"{file}: its metadata are damaged: size is {stated!r}, none of {known}")
    return Size(stated)


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """The same ONNX file with this metadata and no other."""
    import onnx

    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    changed: bytes = model.SerializeToString()
    return changed
