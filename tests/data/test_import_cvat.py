"""CVAT for images 1.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.data.imports.grouping import GroupBy
from cv.errors import ModelError
from tests.data.exports import cvat, photo, pixels, take

BOX = '<box label="cart" occluded="0" xtl="20.0" ytl="10.0" xbr="60.0" ybr="60.0"{}></box>'


def test_boxes_and_polygons_are_taken_and_other_shapes_counted(tmp_path: Path) -> None:
    polygon = '<polygon label="car" points="10.0,20.0;30.5,25.0;15.0,60.0"/>'
    others = '<points label="car" points="1,1"/><polyline label="car" points="1,1;2,2"/>'
    export = cvat(tmp_path, BOX.format("") + polygon + others + '<tag label="night"/>')
    taken, (only,) = take(export, "cart=street_stall")
    assert pixels(only) == [("street_stall", [20, 10, 60, 60]), ("car", [10, 20, 30, 60])]
    assert taken.others == 2


def test_a_label_is_not_complete_where_a_shape_of_it_is_no_box(tmp_path: Path) -> None:
    export = cvat(tmp_path, BOX.format("") + '<points label="car" points="1,1"/>')
    complete = frozenset({"street_stall", "car"})
    taken, (only,) = take(export, "cart=street_stall", complete=complete)
    assert only.complete == {"street_stall"}
    assert taken.incomplete == {"car": 1}


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<mask label="car" rle="3, 2, 5" left="20" top="10" width="40" height="50"/>', None),
        ('<ellipse label="car" cx="40" cy="35" rx="20" ry="25"/>', None),
        ('<ellipse label="car" cx="40" cy="35" rx="20" ry="25" rotation="90"/>', [15, 15, 65, 55]),
        (
            '<ellipse label="car" cx="90" cy="50" rx="50" ry="0" rotation="36.87"/>',
            [50, 20, 130, 80],
        ),
    ],
)
def test_the_box_around_a_mask_or_an_ellipse_is_taken(
    tmp_path: Path, shape: str, box: list[int] | None
) -> None:
    taken, (only,) = take(cvat(tmp_path, shape), complete=frozenset({"car"}))
    assert pixels(only) == [("car", box or [20, 10, 60, 60])]
    assert (taken.others, only.complete) == (0, {"car"})


def test_a_turned_box_is_the_upright_one_around_it(tmp_path: Path) -> None:
    export = cvat(tmp_path, BOX.format(' rotation="90.0"'))
    _, (only,) = take(export, "cart=street_stall")
    assert pixels(only) == [("street_stall", [15, 15, 65, 55])]


def test_points_may_end_as_they_are_separated(tmp_path: Path) -> None:
    _, (only,) = take(cvat(tmp_path, '<polygon label="car" points="10,20;60,20;30,70; "/>'))
    assert pixels(only) == [("car", [10, 20, 60, 70])]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ('<box label="car" xtl="1" ytl="1" xbr="9"/>', "annotations.xml:5: <box>: ybr is missing"),
        ('<mask label="car" left="1" top="1" width="9"/>', "<mask>: height is missing"),
        ('<ellipse label="car" cx="1" cy="1" rx="9"/>', "<ellipse>: ry is missing"),
        ('<box xtl="1" ytl="1" xbr="9" ybr="9"/>', "<box>: label is missing"),
        ('<polygon label="car" points="1,2;x,3"/>', "<polygon>: points must be a number, not 'x'"),
        ('<polygon label="car" points=""/>', "<polygon>: points must be a number, not ''"),
        ("</image><track id='0'/><image>", "is CVAT for video"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path: Path, shapes: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        take(cvat(tmp_path, shapes))
    assert said in str(error.value)


def test_a_frame_of_a_video_has_no_suffix_in_its_name(tmp_path: Path) -> None:
    export = cvat(tmp_path, BOX.format(""))
    (export / "a.png").rename(export / "frame_000000.PNG")
    rename(export, "gate/a.png", "frame_000000")
    _, (only,) = take(export, "cart=street_stall")
    assert only.image.name == "frame_000000.PNG"


def test_photos_of_one_name_are_told_apart_by_the_subset_of_their_project(tmp_path: Path) -> None:
    export = cvat(
        tmp_path,
        BOX.format("") + '</image><image name="a.png" subset="val" width="200" height="100">',
    )
    rename(export, "gate/a.png", 'a.png" subset="train')
    for seed, subset in enumerate(("train", "val")):
        photo(export / "images" / subset / "a.png", seed=seed)
    (export / "a.png").unlink()
    _, samples = take(export, "cart=street_stall", group_by=GroupBy.FOLDER)
    assert {s.group: len(s.boxes) for s in samples} == {
        "mine/images/train": 1,
        "mine/images/val": 0,
    }


def rename(export: Path, old: str, new: str) -> None:
    file = export / "annotations.xml"
    file.write_text(file.read_text().replace(old, new))
