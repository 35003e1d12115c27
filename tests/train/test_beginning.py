"""What a run that is resumed goes on with, and which folders may become a run's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cv.errors import ModelError
from cv.train.beginning import Beginning, Told, holds_checkpoint, keep, kept
from cv.train.settings import read_settings

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.fixture
def began(tmp_path: Path) -> Beginning:
    return Beginning(
        read_settings(None, {}),
        tmp_path / "data",
        ("a", "b"),
        weights=tmp_path / "coco.npz",
        share=0.5,
        seed=3,
    )


def test_a_run_goes_on_with_what_it_began_with(file: Path, tmp_path: Path) -> None:
    file.write_text("[fit]\nimgsz = 320\n", encoding="utf-8")
    began = Beginning(read_settings(file, {"batch": 8}), tmp_path / "data", ("a", "b"))
    keep(began, tmp_path)
    assert kept(tmp_path, None, {}, Told()) == began
    assert kept(tmp_path, None, {"batch": 8}, Told(left_out=("b", "a"))) == began
    assert kept(tmp_path, file, {"batch": 8}, Told()) == began
    with pytest.raises(ModelError, match="this run began with --leave-out a, b; resume it so"):
        kept(tmp_path, None, {}, Told(left_out=("a",)))
    for stated, given in ((None, {"batch": 16}), (file, {}), (None, {"imgsz": 640})):
        with pytest.raises(ModelError, match="this run began with other settings"):
            kept(tmp_path, stated, given, Told())
    file.write_text("[fit]\nimgsz = 320\n[repeats]\nmine = 2\n", encoding="utf-8")
    with pytest.raises(ModelError, match="this run began with other settings"):
        kept(tmp_path, file, {"batch": 8}, Told())


def test_a_run_that_an_older_version_began_goes_on(tmp_path: Path) -> None:
    began = Beginning(read_settings(None, {}), tmp_path / "data")
    keep(began, tmp_path)
    file = tmp_path / "settings.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    del document["repeats"], document["left_out"]
    file.write_text(json.dumps(document), encoding="utf-8")
    assert kept(tmp_path, None, {}, Told()) == began
    assert kept(tmp_path, None, {}, Told(left_out=("a",))) == replace(began, left_out=("a",))


def test_a_run_that_kept_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"settings\.json is gone"):
        kept(tmp_path, None, {}, Told())


def test_of_a_run_that_an_older_version_began_what_it_did_not_keep_is_as_told(
    began: Beginning, tmp_path: Path
) -> None:
    keep(began, tmp_path)
    file = tmp_path / "settings.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    for key in ("weights", "start", "share", "seed", "hours"):
        del document[key]
    file.write_text(json.dumps(document), encoding="utf-8")
    told = Told(share=0.25, seed=7, hours=1.0)
    expected = replace(began, weights=None, share=0.25, seed=7, hours=1.0)
    assert kept(tmp_path, None, {}, told) == expected


def test_a_run_that_is_told_what_it_began_with_goes_on(began: Beginning, tmp_path: Path) -> None:
    keep(began, tmp_path)
    again = tmp_path / "data/../data"
    told = Told(again, ("b", "a"), tmp_path / "coco.npz", share=0.5, seed=3)
    assert kept(tmp_path, None, {}, told) == began


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(data=Path("/elsewhere")), "with --data "),
        (Told(weights=Path("other.npz")), "with --weights "),
        (Told(start=Path("best.pt")), "without --start;"),
        (Told(share=1.0), "with --share 0.5;"),
        (Told(seed=0), "with --seed 3;"),
        (Told(hours=2.0), "without --hours;"),
        (Told(left_out=("a",)), "with --leave-out a, b;"),
    ],
)
def test_a_run_that_is_told_something_else_is_not_resumed(
    told: Told, said: str, began: Beginning, tmp_path: Path
) -> None:
    keep(began, tmp_path)
    with pytest.raises(ModelError) as caught:
        kept(tmp_path, None, {}, told)
    assert str(caught.value).startswith(f"{tmp_path}: this run began {said}")


@pytest.mark.parametrize(
    "content",
    ["", '{"fit"', "{}", "[]", "\xff", '{"data": 3}', '{"data": "d"}', '{"data": "d", "fit": {}}'],
)
def test_kept_settings_that_are_damaged_are_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(content, encoding="latin-1")
    with pytest.raises(ModelError) as caught:
        kept(tmp_path, None, {}, Told())
    assert str(caught.value).startswith(f"{tmp_path / 'settings.json'}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"new": 1}, {"seed": "x"}, {"fit": {"epochs": 3}}, {"compose": 3}]
)
def test_kept_settings_of_another_kind_are_one_line(
    change: dict[str, object], began: Beginning, tmp_path: Path
) -> None:
    keep(began, tmp_path)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change))
    with pytest.raises(ModelError, match=r"settings\.json"):
        kept(tmp_path, None, {}, Told())


def test_a_folder_of_somebody_s_own_is_no_run_s(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/data.yaml").write_text("names: [cat]\n")
    (tmp_path / "settings.json").write_text('{"mine": 1}')
    for resume in (False, True):
        with pytest.raises(ModelError, match="holds other files; choose a new --run"):
            holds_checkpoint(tmp_path, resume=resume)
    assert (tmp_path / "settings.json").read_text() == '{"mine": 1}'
    with pytest.raises(ModelError, match="cannot be written: Not a directory"):
        holds_checkpoint(tmp_path / "settings.json", resume=False)


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(
    began: Beginning, tmp_path: Path
) -> None:
    assert not holds_checkpoint(tmp_path / "new", resume=False)
    (tmp_path / "ultralytics").mkdir()
    assert not holds_checkpoint(tmp_path, resume=False)
    keep(began, tmp_path)
    (tmp_path / "coco-boxes.json").write_text("{}")
    assert not holds_checkpoint(tmp_path, resume=True)


def test_a_run_with_a_checkpoint_is_only_resumed(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/last.pt").write_bytes(b"")
    assert holds_checkpoint(tmp_path, resume=True)
    with pytest.raises(ModelError, match="holds a run; add --resume"):
        holds_checkpoint(tmp_path, resume=False)
