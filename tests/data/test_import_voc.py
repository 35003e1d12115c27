"""Pascal VOC XML."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.data.imports.formats import Format
from cv.errors import ModelError
from tests.data.exports import pixels, take, voc, voc_object, voc_text


def test_boxes_are_taken(tmp_path: Path) -> None:
    text = voc_text(voc_object("cart", 20, 10, 60.0, 60) + voc_object("car", 0, 0, 9, 9))
    _, (only,) = take(voc(tmp_path, text), "cart=street_stall")
    assert pixels(only) == [("street_stall", [20, 10, 60, 60]), ("car", [0, 0, 9, 9])]


def test_a_renamed_photo_is_found_by_the_annotations_name(tmp_path: Path) -> None:
    export = voc(tmp_path, voc_text(voc_object("car", 0, 0, 9, 9), filename="DSC_1.JPG"))
    _, (only,) = take(export)
    assert only.image.name == "a.png"


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
