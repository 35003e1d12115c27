"""Settings files of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.errors import ModelError
from cv.train.settings import _OWN, read_settings

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_what_a_file_leaves_out_is_as_by_default(file: Path) -> None:
    text = "[fit]\nimgsz = 320\n\n[ultralytics]\nmosaic = 0.5\n"
    file.write_text(text, encoding="utf-8-sig")  # Windows begins text with a byte order mark
    usual, mine = read_settings(None, {}), read_settings(file, {"epochs": 3})
    assert mine.fit == {**usual.fit, "imgsz": 320, "epochs": 3}
    assert mine.compose == usual.compose
    assert mine.ultralytics == {**usual.ultralytics, "mosaic": 0.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fit = 3\n", "fit is no table; write [fit]"),
        ("[fitt]\n", "fitt is unknown; allowed: fit, repeats, compose, ultralytics"),
        ("[fit]\nsize = 3\n", "fit.size is unknown; allowed: imgsz, epochs"),
        ('[fit]\nepochs = "ten"\n', "fit.epochs is 'ten'; it must be a whole number"),
        ("[fit]\nepochs = 1.5\n", "fit.epochs is 1.5; it must be a whole number"),
        ("[fit]\ncorrupted = true\n", "fit.corrupted is True; it must be a number"),
        ("[fit]\nepochs = 0\n", "fit.epochs is 0; it must be 1 or more"),
        ("[fit]\nbatch = 0\n", "fit.batch is 0; it must be 1 or more"),
        ("[fit]\nimgsz = 0\n", "fit.imgsz is 0; it must be a multiple of 32, at least 160"),
        ("[fit]\nimgsz = 500\n", "fit.imgsz is 500; it must be a multiple of 32, at least 160"),
        ("[fit]\nema_steps = 0\n", "fit.ema_steps is 0; it must be 1 or more"),
        ("[fit]\nworkers = -1\n", "fit.workers is -1; it must be 0 or more"),
        ("[fit]\ncorrupted = nan\n", "fit.corrupted is nan; it must be 0 to 1"),
        ('[ultralytics]\noptimizer = "foo"\n', "no optimizer is 'foo'; choose AdamW, Adam"),
        ("[compose]\nstreet_stall = -1\n", "compose.street_stall is -1; it must be 0 or more"),
        ("[repeats]\nmine = 0\n", "repeats.mine is 0; it must be a whole number from 1 on"),
        ("[repeats]\nmine = 1.5\n", "repeats.mine is 1.5; it must be a whole number from 1 on"),
        ("[ultralytics]\nepochs = 50\n", "[ultralytics]: epochs has no effect there"),
        ("[ultralytics]\nworkers = 2\n", "[ultralytics]: workers has no effect there"),
        ("[ultralytics]\nlr = 1\n", "[ultralytics]: 'lr' is not a valid YOLO argument."),
        ("[ultralytics]\nmosaic = 3.0\n", "[ultralytics]: 'mosaic=3.0' is an invalid value."),
        ("[fit\n", "Expected ']'"),
    ],
)
def test_mistakes_are_one_line_that_names_the_file(file: Path, text: str, said: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_settings(file, {})
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("imgsz", 128), ("epochs", 0), ("batch", -1)])
def test_options_have_the_same_bounds(key: str, value: int) -> None:
    with pytest.raises(ModelError, match=f"^--{key} is {value}; it must be "):
        read_settings(None, {key: value})


@pytest.mark.parametrize("name", ["SGD", "adamw", "auto"])
def test_every_optimizer_of_ultralytics_is_taken(file: Path, name: str) -> None:
    file.write_text(f'[ultralytics]\noptimizer = "{name}"\n', encoding="utf-8")
    assert read_settings(file, {}).ultralytics["optimizer"] == name


def test_a_file_in_another_encoding_is_named(file: Path) -> None:
    file.write_bytes("# 训练\n".encode("gbk"))
    with pytest.raises(ModelError, match=r"mine\.toml: not UTF-8 text"):
        read_settings(file, {})


def test_all_that_a_run_states_to_ultralytics_has_no_effect_in_a_file(file: Path) -> None:
    from cv.train.beginning import Beginning
    from cv.train.dataset import Dataset
    from cv.train.fit import FitOptions, _overrides

    usual = read_settings(None, {})
    given = _overrides(
        FitOptions(run=file.parent), Beginning(usual, file), Dataset(file, ()), resumed=False
    )
    assert given.keys() - usual.ultralytics.keys() == _OWN - {"workers"}
