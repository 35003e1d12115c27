"""One line for each mistake in a site file: the file, the line, the key, and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from cv.site.toml_lines import KeyPath

__all__ = ["Problem", "dotted", "not_allowed", "problems_of", "shown", "table_in"]

_LONGEST = 40
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    ((int, float), "a number"),
    ((datetime, date, time), "a date or time"),
    (list, "a list"),
    (dict, "a table"),
)
_EXPECTED = {
    "string_type": "text in quotes",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
}


class Problem(NamedTuple):
    """What is wrong with the value at a path."""

    path: KeyPath
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


def dotted(path: KeyPath) -> str:
    """("cameras", 0, "zones") → `cameras[0].zones`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part)
            text += f".{part if bare else json.dumps(part[:_LONGEST])}"
    return text.removeprefix(".")


def shown(value: object) -> str:
    """A value for a message: short, on one line, and nothing that may hold a password."""
    if isinstance(value, str):
        if "://" in value or "@" in value:
            return "this value"
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**20):
        return f"{value:.10g}"
    return _kind(value)


def not_allowed(
    value: object, allowed: Collection[str], *, listed: Collection[str] | None = None
) -> str:
    """`'lanes' is not allowed; choose lane, ... (did you mean 'lane'?)`.

    Args:
        listed: what to print of `allowed`, if that is too long.
    """
    text = f"{shown(value)} is not allowed; choose "
    text += ", ".join(listed) + " or another" if listed else ", ".join(allowed)
    return text + _guess(value, allowed)


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Pydantic's findings, told in the words of the file.

    Args:
        model: of the whole file; error locations begin there.
    """
    for detail in error.errors(include_url=False):
        path: KeyPath = detail["loc"]
        yield Problem(path, _message(detail["type"], detail, _keys_at(model, path[:-1])))


def _message(kind: str, detail: Any, keys: list[str]) -> str:
    """What to say about one finding; `keys` are those of the table that it is in."""
    name, value = detail["loc"][-1] if detail["loc"] else "", detail["input"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"no such key; choose {', '.join(keys)}{_guess(name, keys)}"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a table, not {_kind(value)}"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {_kind(value)}"
    return " ".join(str(detail["msg"]).lower().split())


def _guess(value: object, allowed: Collection[str]) -> str:
    if not isinstance(value, str):
        return ""
    by_lower = {name.lower(): name for name in allowed}
    near = get_close_matches(value.lower()[:_LONGEST], by_lower, 1, 0.7)
    return f" (did you mean '{by_lower[near[0]]}'?)" if near else ""


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "this")


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys of the table at a path of the model."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = table_in(model.model_fields[part].annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def table_in(annotation: object) -> type[BaseModel] | None:
    """The model in `Model`, `list[Model]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (table_in(argument) for argument in get_args(annotation))
    return next((model for model in inner if model), None)
