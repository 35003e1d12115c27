"""On perfect boxes every scenario comes out exactly; and a wrong rule would be seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.bench.commands import app
from cv.bench.incidents import own_scenarios, play
from cv.bench.outcome import summary

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = own_scenarios()


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_the_rules_are_exact_on_perfect_boxes(file: Path) -> None:
    outcome = play(file)
    assert outcome.exact, outcome


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """The car that stays twelve minutes; tests change it."""
    source = next(file for file in SCENARIOS if file.stem == "cars_stop")
    file = tmp_path / "one.toml"
    file.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return file


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_shorter_dwell_makes_an_incident_up(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\ndwell = "20s"\nclear = "1m"')
    outcome = play(one)
    assert (outcome.found, outcome.false, outcome.exact) == (1, 1, False)
    assert summary([outcome]).precision == 0.5


def test_a_longer_dwell_misses_it(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\ndwell = "20m"')
    outcome = play(one)
    assert (outcome.true, outcome.found, outcome.exact) == (1, 0, False)
    assert summary([outcome]).recall == 0


def test_a_truth_that_is_two_minutes_off_is_a_delay(one: Path) -> None:
    change(one, 'from = "310s"\nuntil = "1030s"', 'from = "190s"\nuntil = "1030s"')
    assert not play(one).exact


def test_clearing_that_never_comes_is_endless(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\nclear = "30m"')
    change(one, 'duration = "40m"', 'duration = "30m"')
    assert play(one).clear_delays_s == ()  # not due before the end
    change(one, 'duration = "30m"', 'duration = "48m"')
    assert play(one).exact


def test_the_command_prints_json_and_fails_on_errors(one: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect", "--json"])
    assert result.exit_code == 0, result.output
    perfect = json.loads(result.stdout)["perfect"]
    assert perfect.keys() == {
        "precision", "recall", "duplicates", "open_delay_s", "clear_delay_s", "scenarios",
    }  # fmt: skip
    assert (perfect["precision"], perfect["recall"], perfect["scenarios"]) == (1, 1, 1)
    change(one, 'kind = "lane"', 'kind = "lane"\ndwell = "20m"')
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect"])
    assert result.exit_code == 1
    assert "wrong" in result.stdout


@pytest.mark.slow
def test_the_model_finds_the_incidents_of_the_film(tmp_path: Path) -> None:
    sample = ROOT / "datasets/samples/street.toml"
    result = CliRunner().invoke(app, ["incidents", str(sample), "--only", "model", "--json"])
    model = json.loads(result.stdout)["model"]
    assert model["scenarios"] == 1
    assert (model["recall"], model["duplicates"]) == (1, 0)


@pytest.mark.slow
def test_looking_anew_only_where_the_film_changes_delays_nothing() -> None:
    sample = ROOT / "datasets/samples/street.toml"
    result = CliRunner().invoke(app, ["incidents", str(sample), "--only", "gated"])
    assert result.exit_code == 0, result.output
    assert "exact" in result.stdout


@pytest.mark.slow
@pytest.mark.media
def test_real_clips_give_no_false_incident(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERBWATCH_MEDIA", str(media))
    result = CliRunner().invoke(app, ["incidents", "--only", "real", "--json"])
    real = json.loads(result.stdout)["real"]
    assert (real["scenarios"], real["precision"], real["duplicates"]) == (5, 1, 0)
    assert real["recall"] >= 2 / 3


def test_without_the_real_clips_the_command_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERBWATCH_MEDIA", str(tmp_path))
    result = CliRunner().invoke(app, ["incidents", "--only", "real"])
    assert str(tmp_path / "video") in str(result.exception)
    assert "none of the real clips is there" in str(result.exception)
