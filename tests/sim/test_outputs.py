"""Nothing of anybody's own is lost where a clip is written, and mistakes are said before hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.errors import UserError
from cv.sim.outputs import Outputs

SITE = "# Made by `kerbwatch sim render`.\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "scenario.toml"
    file.write_text("name = 'One'\n", encoding="utf-8")
    return file


def made(out: Path) -> Outputs:
    """As an earlier clip of this name left them."""
    outputs = Outputs.beside(out)
    outputs.labels.mkdir()
    (outputs.labels / "000000.txt").touch()
    outputs.clip.touch()
    outputs.incidents.touch()
    outputs.site.write_text(SITE, encoding="utf-8")
    return outputs


def refusal(outputs: Outputs, scenario: Path, site: str = SITE) -> str:
    with pytest.raises(UserError) as caught:
        outputs.check(scenario, site)
    return str(caught.value)


@pytest.mark.parametrize("name", [".", "/", "..", "clip", "clip.toml", "clip.labels", "/dev/null"])
def test_only_an_mp4_file_is_written(name: str) -> None:
    with pytest.raises(UserError, match=r"name a file that ends in \.mp4"):
        Outputs.beside(Path(name))


def test_a_new_name_and_that_of_an_earlier_clip_may_be_written(
    tmp_path: Path, scenario: Path
) -> None:
    Outputs.beside(tmp_path / "new.mp4").check(scenario, SITE)
    made(tmp_path / "clip.mp4").check(scenario, SITE)


def test_a_scenario_named_like_a_site_file_is_not_overwritten(tmp_path: Path) -> None:
    scenario = tmp_path / "street.site.toml"
    scenario.write_text("name = 'Street'\n", encoding="utf-8")
    assert "is the scenario" in refusal(Outputs.beside(tmp_path / "street.mp4"), scenario)


def test_a_recording_of_that_name_is_not_overwritten(tmp_path: Path, scenario: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"somebody's recording")
    assert "without labels beside it" in refusal(Outputs.beside(tmp_path / "clip.mp4"), scenario)


def test_a_site_file_that_somebody_wrote_in_is_not_overwritten(
    tmp_path: Path, scenario: Path
) -> None:
    outputs = made(tmp_path / "clip.mp4")
    outputs.site.write_text(SITE + "[targets.city]\n", encoding="utf-8")
    assert "clip.site.toml is there, and another" in refusal(outputs, scenario)
    outputs.site.write_bytes(b"\xff\xfe")
    assert "is no site file" in refusal(outputs, scenario)


def test_labels_of_somebody_else_are_not_deleted(tmp_path: Path, scenario: Path) -> None:
    outputs = made(tmp_path / "clip.mp4")
    (outputs.labels / "mine.txt").touch()
    assert "holds more than labels of frames" in refusal(outputs, scenario)


@pytest.mark.parametrize("which", range(4))
def test_what_is_no_plain_file_or_folder_is_left_alone(
    tmp_path: Path, scenario: Path, which: int
) -> None:
    outputs = Outputs.beside(tmp_path / "clip.mp4")
    outputs[which].symlink_to(scenario)
    assert "name another clip" in refusal(outputs, scenario)
    outputs[which].unlink()
    if outputs[which] != outputs.labels:
        outputs[which].mkdir()
        assert "is no file" in refusal(outputs, scenario)


def test_a_name_that_no_file_can_have_is_said_in_one_line(tmp_path: Path, scenario: Path) -> None:
    said = refusal(Outputs.beside(tmp_path / f"{'x' * 300}.mp4"), scenario)
    assert said.endswith("cannot be written: File name too long")
