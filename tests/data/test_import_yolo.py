"""YOLO folders, as Ultralytics, Roboflow, CVAT and Label Studio write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.data.imports.yolo_names import read_classes
from cv.errors import ModelError
from tests.data.exports import photo, pixels, take, yolo


def test_boxes_and_polygons_are_taken(tmp_path: Path) -> None:
    lines = "0 0.5 0.5 0.2 0.4\n\n1 0.1 0.2 0.3 0.2 0.3 0.6\n"
    taken, (only,) = take(yolo(tmp_path, {"a": lines}), "cart=street_stall")
    assert pixels(only) == [("street_stall", [80, 30, 120, 70]), ("car", [20, 20, 60, 60])]
    assert taken.boxes == {("cart", "street_stall"): 1, ("car", "car"): 1}


@pytest.mark.parametrize(("shape", "points"), [("[2, 2]", ".1 .1 .9 .9"), ("[1, 3]", ".9 .9 2")])
def test_of_a_pose_data_set_boxes_are_taken_without_their_keypoints(
    tmp_path: Path, shape: str, points: str
) -> None:
    names = f"kpt_shape: {shape}\nnames: [cart, car]\n"
    export = yolo(tmp_path, {"a": f"1 0.5 0.5 0.2 0.4 {points}\n1 0.2 0.5 0.2 0.4\n"}, names)
    (export / "classes.txt").write_text("cart\ncar\n")
    _, (only,) = take(export)
    assert pixels(only) == [("car", [80, 30, 120, 70]), ("car", [20, 30, 60, 70])]


@pytest.mark.parametrize("line", ["1 .1 .1 .9 .1 .9 .9", "1 .5 .5 .2 .4 .1 .1 .9 .9 .5 .5"])
def test_a_pose_data_set_has_no_polygons(tmp_path: Path, line: str) -> None:
    export = yolo(tmp_path, {"a": line}, "kpt_shape: [2, 2]\nnames: [cart, car]\n")
    with pytest.raises(ModelError, match=r"a\.txt:1: expected `class x y width height`"):
        take(export)


@pytest.mark.parametrize("shape", ["5", "[a, b]", "[2, 4]", "[2]", "{a: 1}", "[[1], 2]"])
def test_keypoints_that_are_none_are_one_line(tmp_path: Path, shape: str) -> None:
    (tmp_path / "data.yaml").write_text(f"names: [car]\nkpt_shape: {shape}\n")
    with pytest.raises(ModelError, match=r"data\.yaml: kpt_shape: expected \[number of"):
        read_classes(tmp_path / "data.yaml")


@pytest.mark.parametrize("linked", ["images", "labels"])
def test_folders_may_be_links_to_where_the_files_are(tmp_path: Path, linked: str) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / linked).rename(tmp_path / "elsewhere")
    (export / linked).symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(export)
    (export / "above").symlink_to(tmp_path)
    photo(export / "more" / "c.png", seed=2)
    (export / "again").symlink_to("more")
    taken, (only,) = take(export)
    assert only.boxes[0].label == "car"
    assert taken.unlabelled == 1


def test_an_empty_label_file_is_a_photo_without_boxes_and_none_is_no_label(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "", "b": "1 0.5 0.5 0.2 0.2"})
    photo(export / "images" / "c.png")
    taken, samples = take(export)
    assert [len(sample.boxes) for sample in samples] == [0, 1]
    assert (taken.photos, taken.empty, taken.unlabelled) == (2, 1, 1)


def test_train_and_valid_folders_may_share_names(tmp_path: Path) -> None:
    export = tmp_path / "roboflow"
    for part, label in (("train", 0), ("valid", 1)):
        photo(export / part / "images" / "a.jpg", seed=label)
        (export / part / "labels").mkdir()
        (export / part / "labels" / "a.txt").write_text(f"{label} 0.5 0.5 0.2 0.4")
    (export / "data.yaml").write_text("nc: 2\nnames: ['car', 'bus']\n")
    (export / "README.roboflow.txt").write_text("hello")
    _, samples = take(export)
    assert [(s.image.stem, s.boxes[0].label) for s in samples] == [
        ("a", "car"),
        ("valid__images__a", "bus"),
    ]


@pytest.mark.parametrize("name", ["test", "labels", "README_1", "train"])
def test_a_photo_may_be_called_as_lists_are(tmp_path: Path, name: str) -> None:
    export = yolo(tmp_path, {name: "1 0.5 0.5 0.2 0.4", "b": ""})
    (export / "val.txt").write_text("images/b.png\n")
    _, samples = take(export)
    assert [len(sample.boxes) for sample in samples if sample.image.stem == name] == [1]


def labelimg(folder: Path, names: str, label: str, *, seed: int) -> Path:
    """A folder as LabelImg leaves it: a photo, its labels and the names beside it."""
    photo(folder / f"{folder.name}_1.png", seed=seed)
    (folder / f"{folder.name}_1.txt").write_text(f"{label} 0.5 0.5 0.2 0.4\n")
    (folder / "classes.txt").write_text(names)
    return folder


def test_each_folder_of_labelimg_has_names_in_its_own_order(tmp_path: Path) -> None:
    export = tmp_path / "yolo"
    labelimg(export / "gate1", "car\ntruck\n", "0", seed=1)
    labelimg(export / "gate2", "truck\ncar\n", "1", seed=2)
    taken, _ = take(export)
    assert taken.boxes == {("car", "car"): 2}


def test_names_further_down_are_not_those_of_the_labels_above(tmp_path: Path) -> None:
    export = labelimg(tmp_path / "yolo", "car\ntruck\n", "0", seed=1)
    photo(export / "old" / "b.png", seed=2)
    (export / "old" / "b.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (export / "old" / "data.yaml").write_text("names: [truck, car]\n")
    taken, _ = take(export)
    assert taken.boxes == {("car", "car"): 1, ("truck", "truck"): 1}


def test_names_of_another_folder_are_not_borrowed(tmp_path: Path) -> None:
    export = tmp_path / "yolo"
    labelimg(export / "gate1", "car\ntruck\n", "0", seed=1)
    (labelimg(export / "gate2", "", "0", seed=2) / "classes.txt").unlink()
    with pytest.raises(ModelError, match="gate2: no class names there or above; expected one of"):
        take(export)


def test_names_may_lie_aside_of_all_labels(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / "cfg").mkdir()
    (export / "data.yaml").rename(export / "cfg" / "data.yaml")
    assert take(export)[1][0].boxes[0].label == "car"


def test_two_files_of_one_place_must_name_the_same_classes(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / "classes.txt").write_text("car\ncart\n")
    with pytest.raises(ModelError, match=r"classes\.txt: names other classes than .*data\.yaml"):
        take(export)
    (export / "classes.txt").write_text("cart\ncar\n")
    assert take(export)[1][0].boxes[0].label == "car"


def test_the_file_of_names_may_be_given(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / "labels" / "classes.txt").write_text("car\nbus\n")
    _, (only,) = take(export / "data.yaml")
    assert only.boxes[0].label == "car"


def test_what_a_mac_packs_beside_each_file_is_no_part_of_the_export(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    for name in ("__MACOSX/labels/._a.txt", "__MACOSX/._data.yaml", "labels/._a.txt"):
        file = export / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X\xff")
    (export / "images" / "._a.png").write_bytes(b"\0\5\x16\7")
    assert take(export)[0].photos == 1


def test_folders_may_be_written_in_capitals(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / "images").rename(export / "Images")
    (export / "labels").rename(export / "Labels")
    _, (only,) = take(export)
    assert pixels(only) == [("car", [80, 30, 120, 70])]


def test_suffixes_may_be_written_in_capitals(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4", "b": ""})
    (export / "labels/a.txt").rename(export / "labels/a.TXT")
    taken, samples = take(export)
    assert taken.unlabelled == 0
    assert [pixels(sample) for sample in samples] == [[("car", [80, 30, 120, 70])], []]


def test_photos_may_lie_elsewhere(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    (export / "images").rename(tmp_path / "photos")
    _, (only,) = take(export, images=tmp_path / "photos")
    assert only.boxes[0].label == "car"


def test_a_photo_of_that_name_in_another_folder_is_another_photo(tmp_path: Path) -> None:
    export = labelimg(tmp_path / "yolo" / "gate2", "car\n", "0", seed=1).parent
    (export / "gate1").mkdir()
    (export / "gate2" / "gate2_1.png").rename(export / "gate1" / "gate2_1.png")
    with pytest.raises(ModelError, match=r"gate2/gate2_1\.txt: no photo of that name"):
        take(export)
    assert take(export, images=export / "gate1")[0].photos == 1


def test_of_two_photos_that_fit_a_label_file_none_is_guessed(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.2 0.4"})
    photo(export / "images" / "a.jpg")
    with pytest.raises(ModelError, match=r"a\.txt: photo 'a' may be .*a\.jpg or .*a\.png"):
        take(export)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("car 0.5 0.5 0.1 0.1", "expected `class x y width height`"),
        ("1 0.5 0.5 0.1", "expected `class x y width height`"),
        ("1 0.5 0.5 0.1 0.1 0.9", "expected `class x y width height`"),
        ("9 0.5 0.5 0.1 0.1", "class 9 has no name"),
        ("1 80 40 20 20", "not pixels"),
        ("1 nan 0.5 0.1 0.1", "not pixels"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(tmp_path: Path, line: str, said: str) -> None:
    export = yolo(tmp_path, {"a": "1 0.5 0.5 0.1 0.1", "b": f"1 0.5 0.5 0.1 0.1\n{line}"})
    with pytest.raises(ModelError) as error:
        take(export)
    assert f"{export}/labels/b.txt:2: " in str(error.value)
    assert said in str(error.value)
    assert not (tmp_path / "taken").exists()


def test_a_label_file_without_a_photo_is_named(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": ""})
    (export / "labels" / "b.txt").write_text("")
    with pytest.raises(ModelError, match=r"b\.txt: no photo of that name"):
        take(export)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cart\nshop, open\n"),
        ("obj.names", "cart\r\nshop, open\r\n"),
        ("data.yaml", "path: x\nnames: [cart, 'shop, open']  # two\nnc: 2\n"),
        ("data.yaml", "names:\n  - cart\n  - 'shop, open'\nnc: 2\n"),
        ("data.yaml", 'names:\n- cart # a\n- "shop, open"\n'),
        ("data.yaml", "# c\nnames:\n  0: cart\n\n  # c\n  1: shop, open\ntrain: x\n"),
        ("data.yaml", "names: {0: cart, 1: 'shop, open'}\n"),
        ("data.yaml", "names: [\n  'cart',\n  'shop, open',\n]\nnc: 2\n"),
        ("data.yaml", '{"names": {"0": "cart", "1": "shop, open"}}'),
        ("data.yaml", '{"names": ["cart", "shop, open"]}'),
        ("data.yaml", "names: &n [cart, 'shop, open']\nval: *n\n"),
    ],
)
def test_names_are_understood_in_every_usual_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_classes(tmp_path / name).names == {0: "cart", 1: "shop, open"}


def test_names_are_text_whatever_else_yaml_takes_them_for(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [no, 3, shop:goods, 'a #1', ~]\n")
    expected = ["no", "3", "shop:goods", "a #1", "~"]
    assert list(read_classes(tmp_path / "data.yaml").names.values()) == expected


@pytest.mark.parametrize("text", ["", "nc: 2\n", "names: 3\n", "names: [a, b\n", "names:\nnc: 2\n"])
def test_a_yaml_file_without_names_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"data\.yaml: names: expected"):
        read_classes(tmp_path / "data.yaml")
