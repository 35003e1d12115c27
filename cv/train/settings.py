"""What a training run is told: the settings file, options on top of it, and what a run keeps."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cv.errors import ModelError

__all__ = ["Beginning", "Settings", "keep", "kept", "read_settings"]

_DEFAULTS = Path(__file__).with_name("default.toml")
_KEPT = "settings.json"


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
    known = tomllib.loads(_DEFAULTS.read_text(encoding="utf-8"))
    stated = _read(file) if file else {}
    _check_keys(f"{file}: ", stated, known)
    for table, values in stated.items():
        if not isinstance(values, dict):
            raise ModelError(f"{file}: {table} is no table; write [{table}]")
        if table == "repeats":
            _check_repeats(f"{file}: {table}.", values)
        elif table != "ultralytics":
            _check_keys(f"{file}: {table}.", values, known[table])
            _check_numbers(f"{file}: {table}.", values, known[table])
    merged = {table: {**known[table], **stated.get(table, {})} for table in known}
    _check_ultralytics(f"{file or _DEFAULTS.name}: [ultralytics]: ", merged["ultralytics"])
    merged["fit"] |= given
    return Settings(**merged)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run began with.

    Attributes:
        left_out: sources that neither train nor choose the checkpoint.
    """

    settings: Settings
    data: Path
    left_out: tuple[str, ...] = ()


def keep(beginning: Beginning, run: Path) -> None:
    """Write down what a run began with."""
    own = {"data": str(beginning.data.resolve()), "left_out": beginning.left_out}
    document = {**asdict(beginning.settings), **own}
    (run / _KEPT).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def kept(
    run: Path, file: Path | None, given: Mapping[str, int], left_out: tuple[str, ...]
) -> Beginning:
    """What a run began with; one that is resumed goes on with that.

    Args:
        file, given: as in `read_settings`, if the resuming command states any.
        left_out: sources, if it states any.

    Raises:
        ModelError: the run has kept nothing, or the command states something else.
    """
    try:
        document = json.loads((run / _KEPT).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{run / _KEPT} is gone; train anew in another --run") from error
    data = Path(document.pop("data"))
    # Runs of older versions kept no such list.
    without = tuple(document.pop("left_out", left_out))
    began = Settings(**document)
    asked = read_settings(file, given) if file else began
    differs = replace(asked, fit={**asked.fit, **given}) != began
    if differs or (left_out and set(left_out) != set(without)):
        raise ModelError(
            f"{run}: this run began with other settings ({_KEPT}); resume it with those, "
            "or choose another --run"
        )
    return Beginning(began, data, without)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{file}: {error}") from error


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
        if value < 0:
            raise ModelError(f"{where}{key} is {value}; it must not be below 0")


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
