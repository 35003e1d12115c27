from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.detect.detector import model_path
from cv.errors import ModelError
from cv.train.commands import app

runner = CliRunner()


def test_the_command_line_is_read_without_torch() -> None:
    code = (
        "import sys; import cv.train.commands; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'ultralytics', 'onnx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("command", ["fit", "evaluate", "export --checkpoint x.pt"])
def test_without_the_extra_one_line_says_what_to_install(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv.train.commands.find_spec", lambda _name: None)
    result = runner.invoke(app, command.split())
    assert result.exit_code == 2
    assert result.stderr.strip().count("\n") == 0
    assert 'pip install -c constraints-cpu.txt -e ".[train]"' in result.stderr


def test_where_a_report_cannot_be_written_is_said_before_photos_are_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    arguments = ["evaluate", "--data", str(tmp_path / "none"), "--report", str(tmp_path / "file")]
    error = runner.invoke(app, arguments).exception
    assert isinstance(error, ModelError)
    assert str(error) == f"{tmp_path / 'file'}: cannot be written: File exists"


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--imgsz", "100"], "imgsz is 100; it must be a multiple of 32, at least 160"),
        (["evaluate", "--model", "none.onnx"], "none.onnx"),
        (["evaluate", "--precision", "1.5"], "precision 1.5: must be between 0 and 1"),
        (["evaluate", "--source", "here"], "'here' is no source; there are cones_roadwork, j"),
        (["fit", "--leave-out", "here"], "'here' is no source; there are cones_roadwork, j"),
        (["fit", "--share", "2"], "a share is more than 0 and at most 1, not 2"),
        (["fit", "--seed", "-1"], "--seed is -1; it must be 0 to 4294967295"),
        (["fit", "--seed", "4294967296"], "--seed is 4294967296; it must be 0 to 4294967295"),
        (["fit", "--hours", "0"], "--hours is 0.0; it must be more than 0"),
        (["fit", "--hours", "nan"], "--hours is nan; it must be more than 0"),
        (["fit", "--imgsz", "96"], "--imgsz is 96; it must be a multiple of 32, at least 160"),
        (["fit", "--device", "tpu"], "choose cpu or cuda"),
        (["fit", "--config", "none.toml"], "none.toml"),
        (["export", "--checkpoint", "none.pt"], "none.pt: no such checkpoint"),
    ],
)
def test_users_mistakes_are_named(
    arguments: list[str], said: str, few_photos: Path, tmp_path: Path
) -> None:
    run = ["--run", str(tmp_path)] if arguments[0] == "fit" else []
    result = runner.invoke(app, [*arguments, "--data", str(few_photos), *run])
    assert isinstance(result.exception, ModelError)
    assert said in str(result.exception)


@pytest.mark.usefixtures("stack")
def test_a_misspelt_key_of_the_config_is_named(few_photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[fit]\nepoch = 3\n")
    result = runner.invoke(
        app, ["fit", "--config", str(config), "--run", f"{tmp_path}/r", "--data", str(few_photos)]
    )
    assert isinstance(result.exception, ModelError)
    assert "fit.epoch is unknown; allowed: imgsz, epochs" in str(result.exception)


@pytest.mark.media
def test_the_model_that_ships_is_evaluated(few_photos: Path) -> None:
    result = runner.invoke(
        app, ["evaluate", "--data", str(few_photos), "--model", str(model_path()), "--json"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    car = report["labels"]["car"]
    assert car["boxes"] > 0
    assert car["AP50"] > 0.5
    assert report["labels"]["street_stall"]["AP50"] is None


@pytest.mark.media
def test_the_table_shows_every_label(few_photos: Path) -> None:
    result = runner.invoke(
        app,
        ["evaluate", "--data", str(few_photos), "--imgsz", "320"],
        env={"COLUMNS": "120"},
    )
    assert result.exit_code == 0, result.output
    assert "tricycle" in result.stdout
    assert "mean" in result.stdout


@pytest.mark.media
def test_a_source_is_scored_whole(few_photos: Path) -> None:
    arguments = ["evaluate", "--data", str(few_photos), "--imgsz", "320", "--json"]
    held, whole = (
        json.loads(runner.invoke(app, [*arguments, *more]).stdout)
        for more in ([], ["--source", "cones_roadwork"])
    )
    assert whole["images"] == len(list((few_photos / "cones_roadwork/images").iterdir()))
    assert list(whole["sources"]) == ["cones_roadwork"]
    assert held["sources"].keys() > whole["sources"].keys()
    assert held["labels"]["cone"]["boxes"] < whole["labels"]["cone"]["boxes"]
