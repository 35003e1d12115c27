"""What a training run is told: the settings file, and options on top of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cv.errors import ModelError
from cv.train.bounds import check_number

__all__ = ["Settings", "check_settings", "read_settings"]

_DEFAULTS = Path(__file__).with_name("default.toml")
_OPTIMIZERS = ("AdamW", "Adam", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD", "MuSGD", "auto")
_OWN = frozenset(
    {
        *("task", "model", "data", "epochs", "batch", "imgsz", "time", "device", "seed", "workers"),
        *("save_dir", "exist_ok", "amp", "plots", "resume"),
    }
)
"""Settings of ultralytics that `cv.train.fit` states: in the file they would have no effect."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A settings file's tables, each on top of default.toml's.

    Attributes:
        fit: kerbwatch's own.
        compose: how many photos to compose for each label.
        ultralytics: what its trainer is given as it is.
        repeats: how often an epoch has the photos of a source, by its name, where not once.
    """

    fit: dict[str, Any]
    compose: dict[str, int]
    ultralytics: dict[str, Any]
    repeats: dict[str, int] = field(default_factory=dict)  # runs of older versions kept none


def read_settings(file: Path | None, given: Mapping[str, int]) -> Settings:
    """A file like default.toml, or that one.

    Args:
        given: keys of `fit` that options state instead.

    Raises:
        ModelError: it cannot be read, or a key or value in it cannot be used.
    """
    known = _defaults()
    stated = _read(file) if file else {}
    _check_tables(f"{file}: ", stated, known)
    if own := sorted(_OWN & stated.get("ultralytics", {}).keys()):
        raise ModelError(
            f"{file}: [ultralytics]: {own[0]} has no effect there: "
            "what kerbwatch itself states is in [fit], or an option of `kerbwatch train fit`"
        )
    for key, value in given.items():
        check_number(key, value, "--")
    merged = {table: {**known[table], **stated.get(table, {})} for table in known}
    merged["fit"] |= given
    return Settings(**merged)


def check_settings(where: str, stated: Mapping[str, Any]) -> Settings:
    """What a run has kept, as settings.

    Args:
        where: goes before messages.

    Raises:
        ModelError: something is missing, or cannot be used.
    """
    known = _defaults()
    _check_tables(where, stated, known)
    for table in known.keys() - {"repeats"}:  # runs of older versions kept none
        missing = known[table].keys() - stated.get(table, {}).keys() if table == "fit" else ()
        if table not in stated or missing:
            raise ModelError(f"{where}{min(missing, default=table)} is missing")
    return Settings(**stated)


def _defaults() -> dict[str, Any]:
    return tomllib.loads(_DEFAULTS.read_text(encoding="utf-8"))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{file}: {error}") from error


def _check_tables(where: str, stated: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    _check_keys(where, stated, known)
    for table, values in stated.items():
        if not isinstance(values, dict):
            raise ModelError(f"{where}{table} is no table; write [{table}]")
        if table == "repeats":
            _check_repeats(f"{where}{table}.", values)
        elif table == "ultralytics":
            _check_ultralytics(f"{where}[ultralytics]: ", values)
        else:
            _check_keys(f"{where}{table}.", values, known[table])
            _check_numbers(f"{where}{table}.", values, known[table])


def _check_keys(where: str, stated: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = sorted(set(stated) - set(known))
    if unknown:
        raise ModelError(f"{where}{unknown[0]} is unknown; allowed: {', '.join(known)}")


def _check_numbers(where: str, stated: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key, value in stated.items():
        whole = isinstance(known[key], int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            kind = "whole number" if whole else "number"
            raise ModelError(f"{where}{key} is {value!r}; it must be a {kind}")
        check_number(key, value, where)


def _check_repeats(where: str, stated: Mapping[str, Any]) -> None:
    for source, times in stated.items():
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ModelError(f"{where}{source} is {times!r}; it must be a whole number from 1 on")


def _check_ultralytics(where: str, stated: Mapping[str, Any]) -> None:
    from ultralytics.cfg import get_cfg

    try:
        get_cfg(overrides=dict(stated))
    except (SyntaxError, TypeError, ValueError) as error:
        raise ModelError(f"{where}{str(error).strip().splitlines()[0]}") from error
    # Ultralytics itself looks for it when all is ready to train.
    optimizer = stated.get("optimizer", "auto")
    if str(optimizer).lower() not in map(str.lower, _OPTIMIZERS):
        raise ModelError(f"{where}no optimizer is {optimizer!r}; choose {', '.join(_OPTIMIZERS)}")
