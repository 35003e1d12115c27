"""JSON from strangers: every value is asked for by type, and a wrong one is named by its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cv.errors import ModelError

__all__ = ["Node", "read_json"]

_LARGEST = 1e9
"""No coordinate is larger; keeps sums and products finite."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value with the way to it. Every method raises ModelError naming file and key."""

    value: Any
    file: Path
    path: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}: {self.path}" if self.path else str(self.file)

    def fail(self, message: str) -> ModelError:
        return ModelError(f"{self.where}: {message}")

    def key(self, name: str) -> Node:
        found = self.maybe(name)
        if found is None:
            raise self.fail(f"{name!r} is missing")
        return found

    def maybe(self, name: str) -> Node | None:
        """The value of a key; None if it is absent or null."""
        if not isinstance(self.value, dict):
            raise self.fail("must be an object")
        value = self.value.get(name)
        path = f"{self.path}.{name}" if self.path else name
        return None if value is None else Node(value, self.file, path)

    def items(self) -> Iterator[Node]:
        if not isinstance(self.value, list):
            raise self.fail("must be a list")
        for number, value in enumerate(self.value):
            yield Node(value, self.file, f"{self.path}[{number}]")

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail("must be text")
        return self.value

    def number(self) -> float:
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self.fail("must be a number")
        if not abs(self.value) <= _LARGEST:  # not a number is not smaller than anything
            raise self.fail("must be a number of ordinary size")
        return float(self.value)

    def number_of(self, name: str, default: float) -> float:
        found = self.maybe(name)
        return default if found is None else found.number()

    def identity(self) -> int | str:
        if not isinstance(self.value, int | str):
            raise self.fail("must be a whole number or text")
        return self.value


def read_json(file: Path) -> Node:
    """A JSON file's value.

    Raises:
        ModelError: it cannot be read, or is not JSON.
    """
    try:
        return Node(json.loads(file.read_text(encoding="utf-8-sig")), file)
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except RecursionError as error:
        raise ModelError(f"{file}: nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ModelError(f"{file}:{error.lineno}: not JSON: {error.msg}") from error
    except ValueError as error:
        raise ModelError(f"{file}: not JSON: {error}") from error
