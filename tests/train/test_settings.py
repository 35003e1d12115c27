"""Settings files of a training run, and what a run that is resumed goes on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cv.errors import ModelError
from cv.train.settings import Beginning, keep, kept, read_settings

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_what_a_file_leaves_out_is_as_by_default(file: Path) -> None:
    file.write_text("[fit]\nimgsz = 320\n\n[ultralytics]\nmosaic = 0.5\n", encoding="utf-8")
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
        ("[compose]\nstreet_stall = -1\n", "compose.street_stall is -1; it must not be below 0"),
        ("[repeats]\nmine = 0\n", "repeats.mine is 0; it must be a whole number from 1 on"),
        ("[repeats]\nmine = 1.5\n", "repeats.mine is 1.5; it must be a whole number from 1 on"),
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


def test_a_file_in_another_encoding_is_named(file: Path) -> None:
    file.write_bytes("# 训练\n".encode("gbk"))
    with pytest.raises(ModelError, match=r"mine\.toml: not UTF-8 text"):
        read_settings(file, {})


def test_a_run_goes_on_with_what_it_began_with(file: Path, tmp_path: Path) -> None:
    file.write_text("[fit]\nimgsz = 320\n", encoding="utf-8")
    began = Beginning(read_settings(file, {"batch": 8}), tmp_path / "data", ("a", "b"))
    keep(began, tmp_path)
    assert kept(tmp_path, None, {}, ()) == began
    assert kept(tmp_path, None, {"batch": 8}, ("b", "a")) == began
    assert kept(tmp_path, file, {"batch": 8}, ()) == began
    with pytest.raises(ModelError, match="this run began with other settings"):
        kept(tmp_path, None, {}, ("a",))
    for stated, given in ((None, {"batch": 16}), (file, {}), (None, {"imgsz": 640})):
        with pytest.raises(ModelError, match="this run began with other settings"):
            kept(tmp_path, stated, given, ())
    file.write_text("[fit]\nimgsz = 320\n[repeats]\nmine = 2\n", encoding="utf-8")
    with pytest.raises(ModelError, match="this run began with other settings"):
        kept(tmp_path, file, {"batch": 8}, ())


def test_a_run_that_an_older_version_began_goes_on(tmp_path: Path) -> None:
    began = Beginning(read_settings(None, {}), tmp_path / "data")
    keep(began, tmp_path)
    file = tmp_path / "settings.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    del document["repeats"], document["left_out"]
    file.write_text(json.dumps(document), encoding="utf-8")
    assert kept(tmp_path, None, {}, ()) == began
    assert kept(tmp_path, None, {}, ("a",)) == replace(began, left_out=("a",))


def test_a_run_that_kept_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"settings\.json is gone"):
        kept(tmp_path, None, {}, ())
