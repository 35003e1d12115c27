"""`kerbwatch data build`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.data.commands import app
from cv.errors import ModelError, UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.media
def test_the_described_sources_make_a_data_set(media: Path, tmp_path: Path) -> None:
    """With the three smallest, so that it is quick."""
    few = tmp_path / "sources"
    few.mkdir()
    for name in ("facades", "rubble_yards", "roadside_rubble"):
        (few / f"{name}.toml").symlink_to(ROOT / f"datasets/sources/{name}.toml")
    out = tmp_path / "built"
    command = ["build", str(out), "--sources", str(few), "--data", str(media / "data")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "construction_waste" in result.output
    assert f"train with --data {out}" in result.output.replace("\n", "")
    manifest = json.loads((out / "manifest.json").read_text())
    assert [source["name"] for source in manifest["sources"]] == [
        "facades", "roadside_rubble", "rubble_yards",
    ]  # fmt: skip
    assert "CC0" in (out / "LICENCES.md").read_text()
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, UserError)


def test_a_folder_without_source_files_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["build", str(tmp_path / "out"), "--sources", str(tmp_path)])
    assert isinstance(result.exception, ModelError)
