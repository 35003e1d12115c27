"""ONNX files, opened: what is in their graph, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cv.detect.backends import ModelFile
from cv.errors import ModelError

__all__ = ["metadata_of", "parsed", "with_metadata"]


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


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """The same ONNX file with this metadata and no other."""
    import onnx

    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    changed: bytes = model.SerializeToString()
    return changed
