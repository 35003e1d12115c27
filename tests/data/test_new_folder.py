from __future__ import annotations

from pathlib import Path

import pytest

from cv.data.new_folder import new_folder
from cv.errors import UserError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_of_two_that_write_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    to = tmp_path / "built"
    with new_folder(to) as part:
        (part / "a").write_text("first")
        with pytest.raises(UserError, match="built: another process is writing it"), new_folder(to):
            pytest.fail("both would write there")
        (part / "b").write_text("first")
    assert names(to) == ["a", "b"]
    assert names(tmp_path) == ["built"]


def test_a_folder_that_somebody_made_meanwhile_stays(tmp_path: Path) -> None:
    to = tmp_path / "built"
    with pytest.raises(UserError, match="built exists; name a new folder"), new_folder(to) as part:
        (part / "a").write_text("ours")
        to.mkdir()
        (to / "b").write_text("theirs")
    assert names(to) == ["b"]
    assert names(tmp_path) == ["built"]


def test_what_a_killed_process_left_is_no_part_of_it(tmp_path: Path) -> None:
    left = tmp_path / ".built.part"
    (left / "images").mkdir(parents=True)
    (left / "manifest.json").write_text("half")
    (left / "link").symlink_to(tmp_path)
    with new_folder(tmp_path / "built") as part:
        (part / "a").write_text("new")
    assert names(tmp_path / "built") == ["a"]


def test_one_that_is_to_be_replaced_is(tmp_path: Path) -> None:
    to = tmp_path / "labels"
    to.mkdir()
    (to / "old").write_text("old")
    with new_folder(to, instead=True) as part:
        (part / "new").write_text("new")
    assert names(to) == ["new"]
