"""Which backend is the fastest on this machine: measured for a second, once, then remembered.

What wins depends on the processor (bfloat16, VNNI), on the versions, on the model and on how many
pictures are analysed side by side, so no rule of ours would hold for long.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cv.detect.letterbox import GREY, WIDE
from cv.errors import ModelError
from cv.whole_file import write_whole

__all__ = ["Infer", "cache_file", "fastest"]

log = logging.getLogger(__name__)

Infer = Callable[[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], object]
_MEASURED_S = 1.0
_ROUNDS = 3
_LEAD = 1.05
"""The first candidate stays unless another one is this much faster: one that wins by the noise of a
measurement would win on some runs only, and its scores differ in the last digits."""


def cache_file() -> Path:
    """Where choices are remembered: $XDG_CACHE_HOME/kerbwatch, else ~/.cache/kerbwatch."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "kerbwatch" / "backends.json"


def fastest(
    candidates: Mapping[str, Callable[[], Infer]], circumstances: tuple[str, ...], streams: int
) -> str:
    """The name of the fastest of at least one candidate; the first one is the default.

    Args:
        candidates: by name, what loads the model and gives a function of one input. Any but the
            first that cannot, for a broken installation say, is left out.
        circumstances: whatever may change the answer: processor, versions, model.
        streams: inputs analysed side by side.

    Raises:
        ModelError: the first cannot load it.
    """
    key = hashlib.sha256("|".join((*circumstances, str(streams))).encode()).hexdigest()[:16]
    known = _read()
    if known.get(key) in candidates:
        return known[key]
    rates = _rates(_loaded(candidates), streams)
    first = next(iter(candidates))
    best = max(rates, key=lambda name: rates[name] * (_LEAD if name == first else 1))
    shown = ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())
    log.info("images a second: %s; %s it is", shown, best)
    _write({**known, key: best})
    return best


def _loaded(candidates: Mapping[str, Callable[[], Infer]]) -> dict[str, Infer]:
    loaded: dict[str, Infer] = {}
    for name, load in candidates.items():
        try:
            loaded[name] = load()
        except ModelError as error:
            if not loaded:
                raise
            log.warning("%s is left out: %s", name, error)
    return loaded


def _rates(loaded: Mapping[str, Infer], streams: int) -> dict[str, float]:
    """Inputs per second of each, in turns, so that a busy machine slows all of them alike."""
    image = np.full((1, *WIDE, 3), GREY, np.uint8)
    done, spent = dict.fromkeys(loaded, 0), dict.fromkeys(loaded, 0.0)
    with ThreadPoolExecutor(streams) as pool:

        def run(infer: Infer, seconds: float) -> int:
            end, count = time.monotonic() + seconds, 0
            while not count or time.monotonic() < end:
                infer(image)
                count += 1
            return count

        for infer in loaded.values():
            list(pool.map(lambda _, f=infer: run(f, 0.0), range(streams)))
        share_s = _MEASURED_S / _ROUNDS / len(loaded)
        for _ in range(_ROUNDS):
            for name, infer in loaded.items():
                began = time.monotonic()
                done[name] += sum(pool.map(lambda _, f=infer: run(f, share_s), range(streams)))
                spent[name] += time.monotonic() - began
    return {name: done[name] / spent[name] for name in loaded}


def _read() -> dict[str, str]:
    try:
        known = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: nobody has a home here
        return {}
    strings = isinstance(known, dict) and all(isinstance(name, str) for name in known.values())
    return known if strings else {}


def _write(known: Mapping[str, str]) -> None:
    """Best effort: where nothing can be remembered, the next run measures again."""
    try:
        file = cache_file()
    except RuntimeError as error:
        log.info("the choice cannot be remembered: %s", error)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(known, indent=1).encode())
    except OSError as error:
        log.info("%s: cannot be written (%s)", file, error.strerror)
