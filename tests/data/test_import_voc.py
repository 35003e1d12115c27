"""Pascal VOC XML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cv.data.imports.formats import Format
from cv.data.samples import Sample
from cv.errors import ModelError
from tests.data.exports import photo, pixels, take, voc, voc_object, voc_text


def test_boxes_are_taken(tmp_path: Path) -> None:
    text = voc_text(voc_object("cart", 20, 10, 60.0, 60) + voc_object("car", 0, 0, 9, 9))
    _, (only,) = take(voc(tmp_path, text), "cart=street_stall")
    assert pixels(only) == [("street_stall", [20, 10, 60, 60]), ("car", [0, 0, 9, 9])]


def test_a_box_that_was_turned_in_cvat_is_the_upright_one_around_it(tmp_path: Path) -> None:
    turn = "<attributes><attribute><name>rotation</name><value>{}</value></attribute></attributes>"
    boxes = (
        voc_object("car", 20, 10, 60, 60).replace("</object>", turn.format(degrees) + "</object>")
        for degrees in ("90.0", "0.0")
    )
    _, (only,) = take(voc(tmp_path, voc_text("".join(boxes))))
    assert pixels(only) == [("car", [15, 15, 65, 55]), ("car", [20, 10, 60, 60])]


def test_the_suffix_may_be_written_in_capitals(tmp_path: Path) -> None:
    export = voc(tmp_path, voc_text(voc_object("car", 0, 0, 9, 9)))
    (export / "Annotations/a.xml").rename(export / "Annotations/a.XML")
    _, (only,) = take(export)
    assert pixels(only) == [("car", [0, 0, 9, 9])]


def test_a_renamed_photo_is_found_by_the_annotations_name(tmp_path: Path) -> None:
    export = voc(tmp_path, voc_text(voc_object("car", 0, 0, 9, 9), filename="DSC_1.JPG"))
    _, (only,) = take(export)
    assert only.image.name == "a.png"


def beside(export: Path, name: str, *, path: str = "", folder: str = "", filename: str) -> None:
    """An annotation as LabelImg writes it, with a box whose width tells which one it is."""
    stated = f"<folder>{folder}</folder><path>{path}</path>"
    text = voc_text(voc_object("car", 0, 0, 10 + len(name), 50), filename=filename)
    file = export / f"{name}.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace("<annotation>", f"<annotation>{stated}"))


def widths(samples: list[Sample]) -> dict[str, list[int]]:
    """Width of each box in pixels less 10, by the photo that it landed on."""
    rows = [json.loads(line) for line in listing(samples).splitlines()]
    original = {row["image"]: row["original"] for row in rows}
    return {original[s.image.name]: [b[2] - 10 for _, b in pixels(s)] for s in samples}


def listing(samples: list[Sample]) -> str:
    return (samples[0].image.parents[1] / "images.jsonl").read_text()


def test_a_photo_beside_its_annotation_goes_before_one_of_that_name_elsewhere(
    tmp_path: Path,
) -> None:
    export = tmp_path / "voc"
    photo(export / "1.png")
    photo(export / "b" / "1.png", seed=1)
    beside(export, "b/1", path="D:\\photos\\b\\1.png", folder="b", filename="1.png")
    assert widths(take(export)[1]) == {"b/1.png": [3]}


def test_folders_may_have_photos_of_the_same_names(tmp_path: Path) -> None:
    export = tmp_path / "voc"
    for seed, folder in enumerate(("a", "bc")):
        photo(export / folder / "1.png", seed=seed)
        beside(export, f"{folder}/1", folder=folder, filename="1.png")
    assert widths(take(export)[1]) == {"a/1.png": [3], "bc/1.png": [4]}


@pytest.mark.parametrize(
    "stated", [{"path": "D:\\photos\\bc\\1.png"}, {"path": "/x/bc/1.png"}, {"folder": "bc"}]
)
def test_the_stated_folder_tells_photos_apart(tmp_path: Path, stated: dict[str, str]) -> None:
    export = tmp_path / "voc"
    for seed, folder in enumerate(("a", "bc")):
        photo(export / "photos" / folder / "1.png", seed=seed)
    beside(export, "xml/1", filename="1.png", **stated)
    assert widths(take(export)[1]) == {"photos/bc/1.png": [5]}


def test_folders_of_annotations_are_called_as_those_of_photos(tmp_path: Path) -> None:
    export = tmp_path / "voc"
    for seed, folder in enumerate(("a", "bc")):
        photo(export / "JPEGImages" / folder / "1.png", seed=seed)
        beside(export, f"Annotations/{folder}/1", filename="1.png")
    assert widths(take(export)[1]) == {
        "JPEGImages/a/1.png": [15],
        "JPEGImages/bc/1.png": [16],
    }


def test_of_two_names_that_both_exist_none_is_guessed(tmp_path: Path) -> None:
    export = tmp_path / "voc"
    for seed, name in enumerate(("1.png", "2.png")):
        photo(export / "photos" / name, seed=seed)
    beside(export, "xml/1", filename="2.png")
    with pytest.raises(ModelError, match=r"1\.xml:1: photo '2\.png' may be .*1\.png or .*2\.png"):
        take(export)


def test_where_photos_lie_beside_annotations_one_elsewhere_is_another_photo(
    tmp_path: Path,
) -> None:
    export = tmp_path / "voc"
    photo(export / "1.png")
    photo(export / "b" / "2.png", seed=1)
    beside(export, "b/1", filename="1.png")
    with pytest.raises(ModelError, match=r"1\.xml:1: .*its photo is not beside it, and .*1\.png"):
        take(export)


def test_a_box_drawn_from_its_lower_right_corner_is_the_same_box(tmp_path: Path) -> None:
    taken, (only,) = take(voc(tmp_path, voc_text(voc_object("car", 60, 60, 20, 10))))
    assert pixels(only) == [("car", [20, 10, 60, 60])]
    assert taken.outside == 0


def test_a_size_of_zero_is_not_known(tmp_path: Path) -> None:
    export = voc(tmp_path, voc_text(voc_object("car", 20, 10, 60, 60), size=(0, 0)))
    assert pixels(take(export)[1][0]) == [("car", [20, 10, 60, 60])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation>", "a.xml:1: not XML: no element found"),
        ("<annotation>\n</b>", "a.xml:2: not XML: mismatched tag"),
        ("", "a.xml:1: not XML"),
        ("<a/>", "expected <annotation>, not <a>"),
        (voc_text("<object/>"), "a.xml:3: <object>: <bndbox> is missing"),
        (voc_text(voc_object("car", "x", 0, 1, 1)), "a.xml:3: <xmin>: its content must be a num"),
        (voc_text(voc_object("car", "inf", 0, 1, 1)), "<xmin>: its content must be a number of"),
        ("<!DOCTYPE a>\n" + voc_text(""), "a.xml:1: has a DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><annotation>&b;</annotation>', "DOCTYPE"),
        ("<annotation>" * 200 + "</annotation>" * 200, "nested too deeply"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "not XML"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        take(voc(tmp_path, text), form=Format.VOC)
    assert said in str(error.value)
