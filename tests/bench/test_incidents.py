"""On perfect boxes every scenario comes out exactly; and a wrong rule would be seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.bench.commands import app
from cv.bench.incidents import own_scenarios, play
from cv.bench.outcome import summary
from cv.bench.real import clips, watch_clip
from cv.detect.detector import Detector

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
    change(one, 'from = "310s"\nuntil = "1030s"', 'from = "430s"\nuntil = "1030s"')
    assert not play(one).exact


def test_clearing_that_never_comes_is_endless(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\nclear = "30m"')
    change(one, 'duration = "40m"', 'duration = "30m"')
    assert play(one).clear_delays_s == ()  # not due before the end
    change(one, 'duration = "30m"', 'duration = "48m"')
    assert play(one).exact


def test_what_is_due_after_the_last_look_is_not_late(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\nclear = "1366s"')  # due at 2396 s, of 2400
    change(one, 'every = "4s"', 'every = "8s"')  # the last look is at 2392 s
    assert play(one).clear_delays_s == ()


def test_hours_are_those_of_the_scenarios_time_zone(one: Path) -> None:
    change(one, 'kind = "lane"', 'kind = "lane"\nactive = "14:00-18:00"')
    assert play(one).exact
    change(one, "15:00:00+08:00", '15:00:00+01:00\ntimezone = "Europe/Berlin"')
    assert play(one).exact
    change(one, "14:00-18:00", "21:00-23:00")  # 15:00 in Berlin is 22:00 in Shanghai
    assert play(one).found == 0


def test_what_stands_in_an_ignore_zone_is_none(one: Path) -> None:
    text = one.read_text(encoding="utf-8")
    ground = next(line for line in text.splitlines() if line.startswith("ground"))
    one.write_text(f'{text}\n[[zones]]\nid = "ours"\nkind = "ignore"\n{ground}\n', "utf-8")
    assert (play(one).found, play(one).false) == (0, 0)


def test_the_command_prints_json_and_fails_on_errors(one: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect", "--json"])
    assert result.exit_code == 0, result.output
    perfect = json.loads(result.stdout)["perfect"]
    assert perfect.keys() == {
        "precision", "recall", "duplicates", "open_delay_s", "clear_delay_s",
        "turns", "noticed_turns", "false_turns", "scenarios",
    }  # fmt: skip
    assert (perfect["precision"], perfect["recall"], perfect["scenarios"]) == (1, 1, 1)
    change(one, 'kind = "lane"', 'kind = "lane"\ndwell = "20m"')
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect"])
    assert result.exit_code == 1
    assert "wrong" in result.stdout


def test_a_name_in_brackets_is_shown_as_it_is(one: Path) -> None:
    change(one, one.read_text(encoding="utf-8").splitlines()[0], 'name = "cars [/b] stop"')
    result = CliRunner().invoke(app, ["incidents", str(one), "--only", "perfect"])
    assert result.exit_code == 0, result.output
    assert "cars [/b] stop" in result.stdout


def test_a_delay_without_end_is_null_in_json(one: Path) -> None:
    change(one, 'from = "310s"\nuntil = "1030s"', 'from = "310s"')  # it leaves, and is cleared
    runner = CliRunner()
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect", "--json"])
    assert json.loads(result.stdout)["perfect"]["clear_delay_s"] is None
    assert "Infinity" not in result.stdout
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect"])
    assert "too soon" in result.stdout
    change(one, 'kind = "lane"', 'kind = "lane"\nclear = "30m"')
    change(one, 'from = "310s"', 'from = "310s"\nuntil = "320s"')
    change(one, '["1030s", -1.7, 14]', '["30m", -1.7, 14]')
    change(one, '["1032s", -1.7, 5.5]', '["1802s", -1.7, 5.5]')
    result = runner.invoke(app, ["incidents", str(one), "--only", "perfect"])
    assert "never" in result.stdout


def test_what_is_wrong_in_the_last_scenario_is_said_before_the_first_is_played(
    one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv.bench.commands.play", lambda *_: pytest.fail("it was played"))
    wrong = one.with_name("wrong.toml")
    wrong.write_text("name = 1", encoding="utf-8")
    arguments = ["incidents", str(one), str(wrong), "--only", "perfect"]
    result = CliRunner().invoke(app, arguments)
    assert str(wrong) in str(result.exception)


def test_scenarios_are_not_passed_over_in_silence(one: Path) -> None:
    result = CliRunner().invoke(app, ["incidents", str(one), "--only", "real"])
    assert "--only real plays no scenarios" in str(result.exception)


@pytest.mark.slow
def test_the_model_finds_the_incidents_of_the_film(tmp_path: Path) -> None:
    sample = ROOT / "datasets/samples/street.toml"
    result = CliRunner().invoke(app, ["incidents", str(sample), "--only", "model", "--json"])
    assert result.exit_code == 0, result.output
    model = json.loads(result.stdout)["model"]
    assert model["scenarios"] == 1
    assert (model["precision"], model["recall"], model["duplicates"]) == (1, 1, 0)


@pytest.mark.slow
def test_looking_anew_only_where_the_film_changes_delays_by_a_look_at_most() -> None:
    sample = ROOT / "datasets/samples/street.toml"
    result = CliRunner().invoke(app, ["incidents", str(sample), "--only", "gated"])
    assert result.exit_code == 0, result.output
    assert "exact" in result.stdout


TURNED = """
name = "Turned"
about = "An empty street; somebody turns the camera for three minutes."
start = 2026-03-14T10:00:00+08:00
duration = "8m"
every = "10s"
seed = 10

[[zones]]
id = "kerb-lane"
kind = "lane"
ground = [[-3.4, 9], [-0.1, 9], [-0.1, 34], [-3.4, 34]]

[[bumps]]
pan = -12
from = "2m"
until = "5m"
"""


@pytest.mark.slow
def test_a_turned_camera_is_noticed_on_the_film_once(tmp_path: Path) -> None:
    file = tmp_path / "turned.toml"
    file.write_text(TURNED, encoding="utf-8")
    result = CliRunner().invoke(app, ["incidents", str(file), "--only", "model"])
    assert result.exit_code == 0, result.output
    assert "1 of 1" in result.stdout
    file.write_text(TURNED.replace("pan = -12", "pan = -0.1"), encoding="utf-8")
    result = CliRunner().invoke(app, ["incidents", str(file), "--only", "model", "--json"])
    assert result.exit_code == 1, result.output  # a bump too slight to notice counts as missed
    model = json.loads(result.stdout)["model"]
    assert (model["turns"], model["noticed_turns"], model["false_turns"]) == (1, 0, 0)


@pytest.mark.slow
@pytest.mark.media
def test_real_clips_give_no_false_incident_and_no_false_fault(media: Path) -> None:
    known, missing = clips(media / "video")
    assert not missing
    detector = Detector()
    outcomes = [watch_clip(clip, media / "video", detector) for clip in known]
    real = summary(outcomes)
    assert (real.scenarios, real.precision, real.recall, real.duplicates) == (6, 1, 1, 0)
    assert all(outcome.faults.right for outcome in outcomes)
    assert sum(outcome.faults.true for outcome in outcomes) == 1


def test_without_the_real_clips_the_command_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERBWATCH_MEDIA", str(tmp_path))
    result = CliRunner().invoke(app, ["incidents", "--only", "perfect", "--only", "real"])
    assert not result.stdout  # before anything was measured
    assert str(tmp_path / "video") in str(result.exception)
    assert "none of the real clips is there" in str(result.exception)
