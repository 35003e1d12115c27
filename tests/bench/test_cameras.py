"""`kerbwatch bench cameras`: real streams, and an end where looks come late."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.bench.cameras import Load, Looks
from cv.bench.commands import app
from tests.detect.streams import needs_rtsp
from tests.tiny_model import write_tiny_model


def load(asked: int, made: int, late: int, spared: int = 0) -> Load:
    return Load(4, asked, made, spared, late, 0, cpu_s=0.5, look_ms=25.0, rss_mb=200.0)


def test_two_looks_in_a_hundred_may_be_late_or_left_out() -> None:
    assert load(100, 99, 1).kept_up
    assert not load(100, 99, 2).kept_up
    assert not load(100, 90, 0).kept_up
    assert load(100, 60, 0, spared=39).kept_up
    assert load(100, 100, 0).per_core == 8


def test_a_camera_that_gives_nothing_is_not_made_up_for_by_the_others() -> None:
    looks = [Looks(15, 0, 0, 0, 0)] * 15 + [Looks(0, 0, 0, 0, 0)]  # 30 s, a look every 2 s
    asked, made = sum(look.asked(30.0, 2.0) for look in looks), sum(look.made for look in looks)
    assert not load(asked, made, 0).kept_up
    assert load(sum(look.asked(30.0, 2.0) for look in looks[:15]), made, 0).kept_up


@pytest.mark.parametrize(
    ("arguments", "missing", "said"),
    [
        (["--most", "2"], None, "--most 2: fewer than --first 4"),
        (["--every", "10s", "--seconds", "5"], None, "--every 10s: longer than --seconds 5"),
        ([], "run scripts/install-test-tools", "no RTSP server to measure with: run scripts"),
    ],
)
def test_what_cannot_be_measured_is_said_before_a_clip_is_made(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], missing: str | None, said: str
) -> None:
    monkeypatch.setattr("cv.bench.speed.why_no_rtsp_server", lambda: missing)
    monkeypatch.setattr("cv.bench.speed.load_detector", lambda *_, **__: pytest.fail("too late"))
    result = CliRunner().invoke(app, ["cameras", *arguments])
    assert said in str(result.exception)


@needs_rtsp
@pytest.mark.slow
def test_the_command_measures_live_cameras(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.onnx")
    plot = tmp_path / "cameras.png"
    result = CliRunner().invoke(
        app,
        ["cameras", "--first", "1", "--most", "2", "--seconds", "6", "--model", str(model),
         "--backend", "onnxruntime", "--json", "--plot", str(plot)],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)["results"]
    assert [row["name"].rstrip("!") for row in measured["rows"]] == ["1 cameras", "2 cameras"]
    for row in measured["rows"]:
        assert row["made"] >= 2
        assert row["ms/look"] > 0
    assert plot.stat().st_size > 5000
