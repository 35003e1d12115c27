"""COCO JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cv.data.imports.summary import notes
from cv.errors import ModelError
from tests.data.exports import HEIGHT, WIDTH, coco, photo, pixels, take

ROW: dict[str, Any] = {"image_id": 7, "category_id": 3, "bbox": [20, 10, 40, 50]}


def test_boxes_are_taken_and_crowds_counted(tmp_path: Path) -> None:
    export = coco(tmp_path, annotations=[ROW, ROW | {"iscrowd": 1, "segmentation": {}}])
    taken, (only,) = take(export, "cart=street_stall")
    assert pixels(only) == [("street_stall", [20, 10, 60, 60])]
    assert taken.others == 1


def test_a_crowd_is_not_boxed_so_its_label_is_not_complete_there(tmp_path: Path) -> None:
    rows = [{"id": i, "file_name": f"{name}.png"} for i, name in ((7, "a"), (8, "b"))]
    crowd = ROW | {"iscrowd": 1, "segmentation": {}}
    export = coco(tmp_path, images=rows, annotations=[ROW, crowd, ROW | {"image_id": 8}])
    photo(export.parent / "b.png", seed=1)
    complete = frozenset({"street_stall", "car"})
    taken, samples = take(export, "cart=street_stall", complete=complete)
    assert [s.complete for s in samples] == [{"car"}, complete]
    assert taken.incomplete == {"street_stall": 1}
    said = "photos in which street_stall is not complete, for such a box or shape is of it: 1"
    assert said in notes(taken)


def test_a_crowd_of_what_is_dropped_leaves_everything_complete(tmp_path: Path) -> None:
    export = coco(tmp_path, annotations=[ROW | {"iscrowd": 1, "segmentation": {}}])
    _, (only,) = take(export, drop=["cart"], complete=frozenset({"street_stall"}))
    assert only.complete == {"street_stall"}


def test_boxes_in_shares_of_the_photo_instead_of_pixels_are_refused(tmp_path: Path) -> None:
    export = coco(tmp_path, annotations=[ROW | {"bbox": [0.1, 0.1, 0.2, 0.2]}] * 2)
    with pytest.raises(ModelError, match="of 2 boxes none has a pixel of its photo; COCO, VOC"):
        take(export, "cart=street_stall", complete=frozenset({"street_stall"}))
    assert list((export.parent / "taken").iterdir()) == []


def test_a_box_drawn_from_its_lower_right_corner_is_the_same_box(tmp_path: Path) -> None:
    _, (only,) = take(
        coco(tmp_path, annotations=[ROW | {"bbox": [60, 60, -40, -50]}]), "cart=street_stall"
    )
    assert pixels(only) == [("street_stall", [20, 10, 60, 60])]


@pytest.mark.parametrize(
    ("stated", "corners"),
    [
        ({"attributes": {"occluded": False, "rotation": 90.0}}, [15, 15, 65, 55]),
        ({"attributes": {"rotation": 90.0}, "segmentation": []}, [15, 15, 65, 55]),
        # The box of a shape is that around it.
        ({"attributes": {"rotation": 90.0}, "segmentation": [[20, 10, 60, 60]]}, [20, 10, 60, 60]),
        ({"attributes": {"rotation": "left"}}, [20, 10, 60, 60]),
        ({"attributes": ["rotation"]}, [20, 10, 60, 60]),
    ],
)
def test_a_box_that_was_turned_in_cvat_is_the_upright_one_around_it(
    stated: dict[str, Any], corners: list[int], tmp_path: Path
) -> None:
    _, (only,) = take(coco(tmp_path, annotations=[ROW | stated]), "cart=street_stall")
    assert pixels(only) == [("street_stall", corners)]


def test_a_listed_photo_without_annotations_has_no_boxes(tmp_path: Path) -> None:
    taken, (only,) = take(coco(tmp_path, annotations=[]))
    assert only.boxes == ()
    assert taken.empty == 1


def test_boxes_of_a_larger_version_of_the_photo_are_scaled(tmp_path: Path) -> None:
    large = {"id": 7, "file_name": "a.png", "width": 2 * WIDTH, "height": 2 * HEIGHT}
    _, (only,) = take(coco(tmp_path, images=[large]), "cart=street_stall")
    assert pixels(only) == [("street_stall", [10, 5, 30, 30])]


def test_a_size_of_another_shape_is_refused(tmp_path: Path) -> None:
    turned = {"id": 7, "file_name": "a.png", "width": HEIGHT, "height": WIDTH}
    with pytest.raises(ModelError, match=r"images\[0\]: says 100x200, but .*a\.png is 200x100"):
        take(coco(tmp_path, images=[turned]), "cart=street_stall")


def test_without_a_size_the_photos_own_counts(tmp_path: Path) -> None:
    row = {"id": 7, "file_name": "a.png", "width": 0}
    _, (only,) = take(coco(tmp_path, images=[row]), "cart=street_stall")
    assert pixels(only) == [("street_stall", [20, 10, 60, 60])]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": None}, "export.json: 'images' is missing"),
        ({"images": [{"id": 7}]}, "export.json: images[0]: 'file_name' is missing"),
        ({"annotations": [ROW | {"image_id": 8}]}, "annotations[0]: image_id 8 is not among"),
        ({"annotations": [ROW, ROW | {"category_id": 4}]}, "annotations[1]: category_id 4 is"),
        ({"annotations": [ROW | {"bbox": [1, 2, 3]}]}, "annotations[0].bbox: must be x, y, width"),
        ({"annotations": [ROW | {"bbox": [1, 2, 3, "4"]}]}, "annotations[0].bbox[3]: must be a"),
        ({"annotations": [ROW | {"bbox": [1, 2, 3, float("nan")]}]}, "of ordinary size"),
        ({"annotations": [ROW | {"bbox": [1, 2, 3, 10**400]}]}, "of ordinary size"),
        ({"annotations": {"a": 1}}, "annotations: must be a list"),
        ({"categories": [3]}, "categories[0]: must be an object"),
        ({"images": [{"id": 7, "file_name": "../../etc/passwd"}]}, "is not below"),
        ({"images": [{"id": 7, "file_name": "a.png"}] * 2}, "images[1]: id 7 is also that of"),
        (
            {"categories": [{"id": 3, "name": "cart"}, {"id": 3, "name": "car"}]},
            "categories[1]: id 3 is also that of categories[0]",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError) as error:
        take(coco(tmp_path, **changes), "cart=street_stall")
    assert said in str(error.value)


def test_one_photo_labelled_in_two_files_is_refused(tmp_path: Path) -> None:
    first = coco(tmp_path)
    (first.parent / "second.json").write_text(first.read_text())
    with pytest.raises(ModelError, match=r"second\.json: images\[0\]: .*has labels in .*export"):
        take(first.parent, "cart=street_stall")


@pytest.mark.parametrize(
    ("stated", "there", "images"),
    [
        (["gate2/0001.png"], ["gate1/0001.png"], "."),
        (["gate1/0002.png", "gate2/0001.png"], ["gate1/0001.png", "gate1/0002.png"], "."),
        (["C:\\x\\p\\1.png", "C:\\x\\q\\2.png"], ["p/1.png", "p/2.png"], "."),
        (["/x/p/images/1.png", "/x/q/images/2.png"], ["p/images/1.png", "p/images/2.png"], "."),
        (["p/1.png", "q/2.png"], ["p/1.png", "p/2.png"], "p"),
    ],
)
def test_a_photo_of_that_name_in_another_folder_is_another_photo(
    tmp_path: Path, stated: list[str], there: list[str], images: str
) -> None:
    rows = [{"id": number, "file_name": name} for number, name in enumerate(stated)]
    export = coco(tmp_path, images=rows, annotations=[])
    for seed, name in enumerate(there):
        photo(export.parent / name, seed=seed)
    with pytest.raises(ModelError, match=r"images\[\d\]: photo .* is not below .*another folder"):
        take(export, images=export.parent / images)


@pytest.mark.parametrize(
    ("stated", "there"),
    [
        (["gate1/1.png", "gate2/2.png"], ["1.png", "2.png"]),
        (["C:\\x\\1.png", "C:\\x\\2.png"], ["images/1.png", "other/2.png"]),
        (["..\\x\\1.png", "..\\x\\2.png"], ["images/1.png", "images/2.png"]),
        (["/x/p/1.png", "/x/q/1.png"], ["site/p/1.png", "site/q/1.png"]),
        (["1.png", "q/2.png"], ["site/1.png", "site/q/2.png"]),
        (["site/1.png", "site/q/2.png"], ["1.png", "q/2.png"]),
    ],
)
def test_where_all_photos_lay_on_another_machine_says_nothing(
    tmp_path: Path, stated: list[str], there: list[str]
) -> None:
    rows = [{"id": number, "file_name": name} for number, name in enumerate(stated)]
    export = coco(tmp_path, images=rows, annotations=[])
    for seed, name in enumerate(there):
        photo(export.parent / name, seed=seed)
    assert take(export)[0].photos == 2


def test_a_folder_tells_photos_of_one_name_apart(tmp_path: Path) -> None:
    rows = [{"id": i, "file_name": f"C:\\x\\{f}\\a.png"} for i, f in enumerate("pq")]
    notes = [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 100, 100]}]
    export = coco(tmp_path, images=rows, annotations=notes)
    (export.parent / "a.png").unlink()
    for folder in "pq":
        photo(export.parent / folder / "a.png")
    _, samples = take(export, "cart=street_stall")
    assert [(s.image.name, len(s.boxes)) for s in samples] == [("a.png", 0), ("q__a.png", 1)]
    assert [s.group for s in samples] == ["mine/p", "mine/q"]
