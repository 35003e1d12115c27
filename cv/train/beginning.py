"""What a training run began with: kept in its folder, for one that is resumed goes on with that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cv.errors import ModelError
from cv.train.outputs import write_output
from cv.train.run_lock import LOCK
from cv.train.settings import Settings, check_settings, read_settings

__all__ = ["Beginning", "Told", "holds_checkpoint", "keep", "kept"]

_KEPT = "settings.json"
_CAN_BE: dict[str, Any] = {
    "data": str,
    "left_out": list,
    "weights": str | None,
    "start": str | None,
    "share": float | int,
    "seed": int,
    "hours": float | int | None,
}
"""Types of what is kept besides settings. Runs of older versions kept the data alone, or two."""
_ANEW = "train anew in another --run"


@dataclass(frozen=True, slots=True)
class Told:
    """Options of the command; None is not stated."""

    data: Path | None = None
    left_out: tuple[str, ...] | None = None
    weights: Path | None = None
    start: Path | None = None
    share: float | None = None
    seed: int | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run began with.

    Attributes:
        left_out: sources that neither train nor choose the checkpoint.
        weights: COCO's; None is not known any more.
        start: network of an earlier run that it went on from.
        share: of each source's training photos.
        hours: to train about this long instead of a number of epochs.
    """

    settings: Settings
    data: Path
    left_out: tuple[str, ...] = ()
    weights: Path | None = None
    start: Path | None = None
    share: float = 1.0
    seed: int = 0
    hours: float | None = None


def holds_checkpoint(run: Path, *, resume: bool) -> bool:
    """Whether a folder holds a run that can go on.

    A run that was killed before its first checkpoint begins anew.

    Raises:
        ModelError: it holds one that is not to be resumed, or what is no run.
    """
    if (run / "weights/last.pt").exists():
        if not resume:
            raise ModelError(f"{run} holds a run; add --resume or choose another --run")
        return True
    try:
        # What is there before a run is: its stack's settings, and its lock.
        others = {file.name for file in run.iterdir()} - {"ultralytics", LOCK}
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ModelError(f"{run}: cannot be written: {error.strerror}") from error
    if others and not _is_begun(run):
        raise ModelError(f"{run} holds other files; choose a new --run")
    return False


def keep(beginning: Beginning, run: Path) -> None:
    """Write down what a run begins with; from then on its folder is a run's."""
    document = asdict(beginning)
    settings = document.pop("settings")
    own = {key: _written(value) for key, value in document.items()}
    write_output(run / _KEPT, (json.dumps({**settings, **own}, indent=2) + "\n").encode())


def kept(run: Path, file: Path | None, given: Mapping[str, int], told: Told) -> Beginning:
    """What a run began with; one that is resumed goes on with that.

    Args:
        file, given: as in `read_settings`, if the resuming command states any.
        told: what else it states.

    Raises:
        ModelError: the run has kept nothing that can be read, or the command states something
            else.
    """
    where = run / _KEPT
    document = _read(where)
    own = {key: document.pop(key) for key in _CAN_BE if key in document}
    began = check_settings(f"{where}: ", document)
    asked = read_settings(file, given) if file else began
    if replace(asked, fit={**asked.fit, **given}) != began:
        raise ModelError(
            f"{run}: this run began with other settings ({_KEPT}); resume it with those, "
            "or choose another --run"
        )
    stated = {key: _written(v) for key, v in asdict(told).items() if v is not None}
    _check_same(run, own, stated)
    return _restored(began, stated | own)


def _check_same(run: Path, own: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    for key, value in stated.items():
        if key in own and own[key] != value:
            option = "--" + {"left_out": "leave-out"}.get(key, key)
            shown = ", ".join(own[key]) if isinstance(own[key], list) else own[key]
            how = f"with {option} {shown}" if shown not in (None, "") else f"without {option}"
            raise ModelError(f"{run}: this run began {how}; resume it so, or choose another --run")


def _written(value: Any) -> Any:
    """As JSON has it, and such that the same is equal."""
    if isinstance(value, Path):
        return str(value.resolve())
    return sorted(value) if isinstance(value, tuple) else value


def _restored(settings: Settings, own: Mapping[str, Any]) -> Beginning:
    paths: dict[str, Any] = {
        key: Path(own[key]) for key in ("data", "weights", "start") if own.get(key)
    }
    numbers = {key: own[key] for key in ("share", "seed", "hours") if key in own}
    return Beginning(settings, left_out=tuple(own.get("left_out", ())), **paths, **numbers)


def _is_begun(run: Path) -> bool:
    try:
        return {"fit", "compose", "ultralytics"} <= _read(run / _KEPT).keys()
    except ModelError:
        return False


def _read(file: Path) -> dict[str, Any]:
    """What is kept; its settings are not checked yet."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{file} is gone; {_ANEW}") from error
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is damaged; {_ANEW}") from error
    if not isinstance(document, dict) or "data" not in document:
        raise ModelError(f"{file} is damaged: it names no data; {_ANEW}")
    for key, kind in _CAN_BE.items():
        if key in document and not isinstance(document[key], kind):
            raise ModelError(f"{file} is damaged: {key} is {document[key]!r}; {_ANEW}")
    if "left_out" in document:
        document["left_out"] = sorted(map(str, document["left_out"]))
    return document
