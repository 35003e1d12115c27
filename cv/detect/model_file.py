"""A model's file, and the INT8 file that lies beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cv.errors import ModelError

__all__ = ["MADE_FROM", "ModelFile", "int8_file"]

MADE_FROM = "made_from_sha256"
"""Key of the metadata in which an INT8 file names the file that it was made from."""


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file, read once: what is checked is what runs."""

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Read a file.

        Raises:
            ModelError: it cannot be read.
        """
        try:
            return cls(path, path.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}") from error

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    def is_made_from(self, other: ModelFile) -> bool:
        """Whether the file's metadata names the other: `kerbwatch train quantize` writes that."""
        # Metadata are plain text in the file; to parse 5 MB for them takes longer than all else.
        return other.sha256.encode() in self.content

    @property
    def is_int8(self) -> bool:
        """Whether `kerbwatch train quantize` wrote it."""
        return MADE_FROM.encode() in self.content


def int8_file(model: Path) -> Path:
    """Where `kerbwatch train quantize` puts the INT8 file of a model."""
    return model.with_stem(f"{model.stem}-int8")
