"""The fastest backend is measured once, and remembered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cv.detect.fastest import Infer, cache_file, fastest
from cv.errors import ModelError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kerbwatch" / "backends.json"


class Hours:
    """A clock that only work moves on: how busy this machine is changes nothing."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self._now_s

    def work(self, seconds: float) -> None:
        with self._lock:
            self._now_s += seconds


@pytest.fixture(autouse=True)
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    clock = Hours()
    monkeypatch.setattr("cv.detect.fastest.time", clock)
    return clock


class Machine:
    """Loads backends that take a known time, and counts how often."""

    def __init__(self, hours: Hours, **seconds: float) -> None:
        self._hours = hours
        self._seconds = seconds
        self.loaded: list[str] = []

    @property
    def candidates(self) -> dict[str, Callable[[], Infer]]:
        def loader(name: str) -> Callable[[], Infer]:
            def load() -> Infer:
                self.loaded.append(name)
                return lambda _: self._hours.work(self._seconds[name])

            return load

        return {name: loader(name) for name in self._seconds}


def test_the_faster_one_wins_and_is_remembered(cache: Path, hours: Hours):
    machine = Machine(hours, slow=0.02, quick=0.005)
    assert fastest(machine.candidates, ("cpu",), 1) == "quick"
    assert machine.loaded == ["slow", "quick"]
    assert fastest(machine.candidates, ("cpu",), 1) == "quick"
    assert machine.loaded == ["slow", "quick"], "the second run measures nothing"
    assert cache == cache_file()


def test_other_circumstances_are_measured_anew(hours: Hours):
    machine = Machine(hours, a=0.001, b=0.01)
    fastest(machine.candidates, ("cpu", "model 1"), 1)
    fastest(machine.candidates, ("cpu", "model 2"), 1)
    fastest(machine.candidates, ("cpu", "model 2"), 2)
    assert machine.loaded == ["a", "b"] * 3


@pytest.mark.parametrize(
    ("other_s", "chosen"), [(0.03, "default"), (0.029, "default"), (0.028, "other")]
)
def test_what_is_hardly_faster_leaves_the_default(hours: Hours, other_s: float, chosen: str):
    machine = Machine(hours, default=0.03, other=other_s)
    assert fastest(machine.candidates, ("cpu",), 1) == chosen


@pytest.mark.parametrize("content", ["", "[]", "{not json", '{"x": "gone"}', '{"x": ["a"]}'])
def test_a_broken_cache_is_replaced(cache: Path, hours: Hours, content: str):
    cache.parent.mkdir()
    cache.write_text(content)
    assert fastest(Machine(hours, a=0.001, b=0.02).candidates, ("cpu",), 1) == "a"
    assert "a" in json.loads(cache.read_text()).values()


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path, hours: Hours):
    cache.parent.write_text("a file where the folder should be")
    assert fastest(Machine(hours, a=0.001, b=0.02).candidates, ("cpu",), 1) == "a"


def test_who_has_no_home_measures_each_time(hours: Hours, monkeypatch: pytest.MonkeyPatch):
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert fastest(Machine(hours, a=0.001, b=0.02).candidates, ("cpu",), 1) == "a"


def test_what_cannot_be_loaded_is_left_out(hours: Hours, caplog: pytest.LogCaptureFixture):
    def broken() -> Infer:
        raise ModelError("openvino: libtbb.so.12 is missing")

    candidates = {**Machine(hours, onnxruntime=0.02).candidates, "openvino": broken}
    assert fastest(candidates, ("here",), 1) == "onnxruntime"
    assert "libtbb.so.12 is missing" in caplog.text
    with pytest.raises(ModelError, match="libtbb"):
        fastest({"openvino": broken}, ("there",), 1)
