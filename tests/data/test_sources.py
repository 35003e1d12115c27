"""Source files: what they say, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.data.sources import read_source_files
from cv.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "name": '"yard"', "upstream": '"here"', "licence": '"CC0"', "group": '"a place"',
    "labels": '{ cone = "cones" }',
}  # fmt: skip


def write(folder: Path, file: str = "a.toml", **change: str | None) -> Path:
    keys = {**GOOD, **change}
    text = "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)
    (folder / file).write_text(text, encoding="utf-8")
    return folder


def test_a_source_says_what_its_boxes_count_as(tmp_path: Path) -> None:
    (source,) = read_source_files(write(tmp_path, rename='{ cone = "barrier", car = "" }'))
    assert [source.label(x) for x in ("cone", "car", "bus")] == ["barrier", None, "bus"]


def test_a_file_may_begin_as_windows_begins_text(tmp_path: Path) -> None:
    file = write(tmp_path) / "a.toml"
    file.write_bytes("\ufeff".encode() + file.read_bytes())
    assert read_source_files(tmp_path)[0].name == "yard"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": None}, r"a.toml: licence: Field required"),
        ({"colour": '"red"'}, r"a.toml: colour: Extra inputs"),
        ({"labels": '{ cart = "x" }'}, r"a.toml: labels: 'cart' is no label; choose street_stall,"),
        ({"absent": '["cart"]'}, r"a.toml: absent: 'cart' is no label"),
        ({"rename": '{ cone = "cart" }'}, r"a.toml: rename: 'cart' is no label"),
        ({"horizon": "1.5"}, r"a.toml: horizon: Input should be less than or equal to 1"),
        ({"name": "yard"}, r"a.toml: Invalid value"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        read_source_files(write(tmp_path, **change))
    assert "\n" not in str(caught.value)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ModelError, match="another file has 'yard' too"):
        read_source_files(write(tmp_path, "b.toml"))


def test_a_folder_called_like_a_source_file_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "b.toml").mkdir()
    with pytest.raises(ModelError, match=r"b\.toml: cannot be read: Is a directory"):
        read_source_files(tmp_path)


def test_a_folder_without_source_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no source files"):
        read_source_files(tmp_path)


@pytest.mark.media
def test_every_source_that_we_train_on_is_described(media: Path) -> None:
    described = {source.name for source in read_source_files(ROOT / "datasets/sources")}
    assert described == {file.parent.name for file in (media / "data").glob("*/images.jsonl")}
