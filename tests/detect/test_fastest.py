"""The fastest backend is measured once, and remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cv.detect.fastest import Infer, cache_file, fastest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kerbwatch" / "backends.json"


class Machine:
    """Loads backends that take a known time, and counts how often."""

    def __init__(self, **seconds: float) -> None:
        self._seconds = seconds
        self.loaded: list[str] = []

    @property
    def candidates(self) -> dict[str, Callable[[], Infer]]:
        def loader(name: str) -> Callable[[], Infer]:
            def load() -> Infer:
                self.loaded.append(name)
                return lambda _: time.sleep(self._seconds[name])

            return load

        return {name: loader(name) for name in self._seconds}


def test_the_faster_one_wins_and_is_remembered(cache: Path):
    machine = Machine(slow=0.02, quick=0.005)
    assert fastest(machine.candidates, ("cpu",), 1) == "quick"
    assert machine.loaded == ["slow", "quick"]
    assert fastest(machine.candidates, ("cpu",), 1) == "quick"
    assert machine.loaded == ["slow", "quick"], "the second run measures nothing"
    assert cache == cache_file()


def test_other_circumstances_are_measured_anew():
    machine = Machine(a=0.001, b=0.01)
    fastest(machine.candidates, ("cpu", "model 1"), 1)
    fastest(machine.candidates, ("cpu", "model 2"), 1)
    fastest(machine.candidates, ("cpu", "model 2"), 2)
    assert machine.loaded == ["a", "b"] * 3


def test_what_is_equally_fast_leaves_the_default():
    assert fastest(Machine(default=0.03, other=0.03).candidates, ("cpu",), 1) == "default"


@pytest.mark.parametrize("content", ["", "[]", "{not json", '{"x": "gone"}'])
def test_a_broken_cache_is_replaced(cache: Path, content: str):
    cache.parent.mkdir()
    cache.write_text(content)
    assert fastest(Machine(a=0.001, b=0.02).candidates, ("cpu",), 1) == "a"
    assert "a" in json.loads(cache.read_text()).values()


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path):
    cache.parent.write_text("a file where the folder should be")
    assert fastest(Machine(a=0.001, b=0.02).candidates, ("cpu",), 1) == "a"
