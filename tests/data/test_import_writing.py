"""What an import writes, and what it refuses to write."""

from __future__ import annotations

import json
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image as Pillow

from cv.data.imports.detect_format import detect_format
from cv.data.imports.formats import Format
from cv.data.imports.grouping import GroupBy, group_of
from cv.data.samples import read_image
from cv.errors import KerbwatchError, ModelError, UserError
from tests.data.exports import (
    coco,
    cvat,
    label_studio,
    photo,
    pixels,
    take,
    task,
    turned_photo,
    voc,
    voc_text,
    yolo,
)

LINE = "1 0.5 0.5 0.2 0.4\n"


def test_boxes_are_clipped_and_those_outside_are_counted(tmp_path: Path) -> None:
    lines = "1 0.05 0.5 0.2 0.4\n1 1.2 0.5 0.2 0.4\n1 0.5 0.5 0 0.4\n1 0.5 0.5 0.001 0.4\n"
    taken, (only,) = take(yolo(tmp_path, {"a": lines}))
    assert pixels(only) == [("car", [0, 30, 30, 70])]
    assert (taken.clipped, taken.outside) == (1, 3)


@pytest.mark.parametrize("lost", ["1 0.5 0.5 0 0.4", "1 1.5 0.5 0.2 0.4", "1 0.5 0.5 0.2 0.001"])
def test_a_label_is_not_complete_where_a_box_of_it_is_left_out(tmp_path: Path, lost: str) -> None:
    lines = {"a": f"{LINE}{lost}\n0 0.5 0.5 0.2 0.4", "b": LINE, "c": "0 0.5 0.5 0 0\n"}
    complete = frozenset({"car", "bus"})
    taken, samples = take(yolo(tmp_path, lines), drop=["cart"], complete=complete)
    assert [sample.complete for sample in samples] == [{"bus"}, complete, complete]
    assert taken.incomplete == {"car": 1}


def test_an_export_of_which_no_box_is_left_is_refused(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0 0\n", "b": ""})
    with pytest.raises(ModelError, match="of 1 boxes none has a pixel of its photo"):
        take(export, drop=["cart"])
    assert list((tmp_path / "taken").iterdir()) == []
    (export / "labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    assert take(export, drop=["cart"])[0].empty == 2


def test_complete_labels_and_original_names_are_listed(tmp_path: Path) -> None:
    complete = frozenset({"street_stall", "car"})
    _, (only,) = take(yolo(tmp_path, {"a": LINE}), complete=complete)
    assert only.complete == complete
    row = json.loads((only.image.parents[1] / "images.jsonl").read_text())
    assert row["complete"] == ["street_stall", "car"]
    assert row["original"] == "images/a.png"


def test_photos_are_copied_byte_for_byte(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": LINE})
    _, (only,) = take(export)
    assert only.image.read_bytes() == (export / "images/a.png").read_bytes()


@pytest.mark.parametrize(
    ("orientation", "white_at"), [(6, (0, 50)), (8, (199, 50)), (3, (50, 199))]
)
def test_a_turned_photo_is_written_upright(
    tmp_path: Path, orientation: int, white_at: tuple[int, int]
) -> None:
    export = yolo(tmp_path, {})
    turned_photo(export / "images/a.jpg", orientation)
    (export / "labels").mkdir()
    (export / "labels/a.txt").write_text(LINE)
    taken, (only,) = take(export)
    assert taken.upright == 1
    image = read_image(only.image)
    assert image.shape[:2] == ((100, 200) if orientation == 3 else (200, 100))
    assert image[white_at].min() > 200
    assert b"Exif" not in only.image.read_bytes()


def test_names_that_differ_only_in_suffix_or_case_get_label_files_of_their_own(
    tmp_path: Path,
) -> None:
    rows = [{"id": i, "file_name": name} for i, name in enumerate(("b.png", "b.jpg", "B.png"))]
    notes = [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 100, 100]}]
    export = coco(tmp_path, images=rows, annotations=notes)
    for seed, row in enumerate(rows):
        photo(export.parent / str(row["file_name"]), seed=seed)
    _, samples = take(export, "cart=cone")
    by_name = {s.image.name: len(s.boxes) for s in samples}
    assert by_name == {"b.png": 0, "b_2.jpg": 1, "B_3.png": 0}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_photo_is_turned_upright_without_a_word(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    export = yolo(tmp_path, {"b": LINE})
    turned_photo(export / f"images/a.{suffix}", 6)
    (export / "labels/a.txt").write_text(LINE)
    assert take(export)[0].upright == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n half"])
def test_a_broken_photo_is_named_and_nothing_is_left(tmp_path: Path, data: bytes) -> None:
    export = yolo(tmp_path, {"a": LINE, "b": LINE})
    (export / "images/b.png").write_bytes(data)
    with pytest.raises(ModelError, match=r"images/b\.png: "):
        take(export)
    assert list((tmp_path / "taken").iterdir()) == []


def test_an_existing_folder_is_never_touched(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": LINE})
    (tmp_path / "taken/mine").mkdir(parents=True)
    with pytest.raises(UserError, match="exists; name a new folder"):
        take(export)
    assert list((tmp_path / "taken/mine").iterdir()) == []


def test_unknown_classes_are_named_at_once(tmp_path: Path) -> None:
    names = "names: [cart, shop, van]\n"
    export = yolo(tmp_path, {"a": "0 .5 .5 .1 .1\n2 .5 .5 .1 .1"}, names)
    with pytest.raises(UserError) as error:
        take(export)
    assert "no label for 'cart', 'van'; add --map 'cart=LABEL'" in str(error.value)
    assert "street_stall, storefront_goods" in str(error.value)
    taken, (only,) = take(export, "cart=street_stall", drop=["van"])
    assert [item.label for item in only.boxes] == ["street_stall"]
    assert taken.boxes["van", ""] == 1


@pytest.mark.parametrize("name", ["Street Stall", "street-stall", "STREET_STALL"])
def test_what_is_dropped_is_not_complete_however_its_class_is_written(
    name: str, tmp_path: Path
) -> None:
    export = yolo(tmp_path, {"a": "0 .5 .5 .1 .1"}, f"names: [{name}]\n")
    with pytest.raises(UserError, match=f"'{name}' is left out, so street_stall is not --complete"):
        take(export, drop_others=True, complete=frozenset({"street_stall"}))
    _, (only,) = take(export, f"{name}=street_stall", complete=frozenset({"street_stall"}))
    assert [item.label for item in only.boxes] == ["street_stall"]


def test_what_is_dropped_is_not_complete(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": LINE})
    with pytest.raises(UserError, match="'car' is left out, so car is not --complete"):
        take(export, drop=["car"], complete=frozenset({"car"}))
    assert not (tmp_path / "taken").exists()


def test_classes_of_shapes_that_are_left_out_need_a_meaning_too(tmp_path: Path) -> None:
    export = cvat(tmp_path, '<points label="cart" points="1,1"/>')
    with pytest.raises(UserError, match="no label for 'cart'"):
        take(export)
    complete = frozenset({"street_stall", "car"})
    _, (only,) = take(export, "cart=street_stall", complete=complete)
    assert only.complete == {"car"}


def test_all_others_can_be_left_out(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": "0 .5 .5 .1 .1\n1 .5 .5 .1 .1"})
    _, (only,) = take(export, drop_others=True)
    assert [item.label for item in only.boxes] == ["car"]


@pytest.mark.parametrize(
    ("name", "by", "group"),
    [
        ("gate/a_0012.jpg", GroupBy.FOLDER, "gate"),
        ("gate/a_0012.jpg", GroupBy.FILE, "gate/a_0012"),
        ("gate/a_0012.jpg", GroupBy.PREFIX, "gate/a"),
        ("a (3).jpg", GroupBy.PREFIX, "a"),
        ("0012.jpg", GroupBy.PREFIX, "0012"),
        ("x_jpg.rf.0a1b2c3d4e5f.jpg", GroupBy.FILE, "x"),
        ("gate_01_jpg.rf.0a1b2c3d4e5f.jpg", GroupBy.PREFIX, "gate"),
        ("gate_mp4-12_JPG.rf.0a1b2c3d4e5f.jpg", GroupBy.PREFIX, "gate_mp4"),
        ("gate_01_jpeg_jpg.rf.0a1b2c3d4e5f.jpg", GroupBy.PREFIX, "gate"),
        ("gate_01.rf.0a1b2c3d4e5f.jpg", GroupBy.PREFIX, "gate"),
        ("1a2b3c4d-gate_01.jpg", GroupBy.PREFIX, "gate"),
        ("1a2b3c4d-gate_01.jpg", GroupBy.FILE, "1a2b3c4d-gate_01"),
        ("20260102-gate_01.jpg", GroupBy.PREFIX, "20260102-gate"),
        ("train/images/gate/01.jpg", GroupBy.FILE, "train/images/gate/01"),
        ("train/images/gate_01.jpg", GroupBy.PREFIX, "gate"),
        ("valid/images/north/gate_01.jpg", GroupBy.PREFIX, "north/gate"),
        ("images/Validation/north/gate_01.jpg", GroupBy.PREFIX, "north/gate"),
        ("images/val/gate_01.jpg", GroupBy.PREFIX, "gate"),
        ("val_01.jpg", GroupBy.PREFIX, "val"),
        ("gate/0012.jpg", GroupBy.PREFIX, "gate"),
        ("train/images/gate/0012.jpg", GroupBy.PREFIX, "gate"),
        ("train/images/0012.jpg", GroupBy.PREFIX, "0012"),
        ("x.jpg", GroupBy.FOLDER, "."),
    ],
)
def test_a_group_is_the_folder_the_file_or_the_prefix_of_a_name(
    name: str, by: GroupBy, group: str
) -> None:
    assert group_of(name, by) == group


def test_a_camera_is_one_group_in_the_parts_of_a_roboflow_export(tmp_path: Path) -> None:
    export = tmp_path / "roboflow"
    for number in range(8):
        camera, part = ("gate", "yard")[number % 2], ("train", "valid")[number // 4]
        stem = f"{camera}_{number:02d}_jpg.rf.{number:032x}"
        photo(export / part / "images" / f"{stem}.jpg", seed=number)
        (export / part / "labels").mkdir(exist_ok=True)
        (export / part / "labels" / f"{stem}.txt").write_text("0 0.5 0.5 0.2 0.4")
    (export / "data.yaml").write_text("names: [car]\n")
    taken, samples = take(export, group_by=GroupBy.PREFIX)
    assert taken.groups == 2
    assert {s.group for s in samples} == {"mine/gate", "mine/yard"}


def test_the_format_is_found_out(tmp_path: Path) -> None:
    assert detect_format(yolo(tmp_path, {"a": ""})) is Format.YOLO
    assert detect_format(coco(tmp_path)) is Format.COCO
    assert detect_format(voc(tmp_path, voc_text(""))) is Format.VOC
    assert detect_format(cvat(tmp_path, "")) is Format.CVAT
    assert detect_format(label_studio(tmp_path, task("a.png"))) is Format.LABEL_STUDIO


@pytest.mark.parametrize("name", ["export.zip", "notes.txt"])
def test_what_is_no_export_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(KerbwatchError, match=name):
        take(tmp_path / name)
    with pytest.raises(KerbwatchError, match="does not exist"):
        take(tmp_path / "nowhere")


def test_heic_is_refused_by_name_whatever_its_file_is_called(tmp_path: Path) -> None:
    export = yolo(tmp_path, {"a": LINE})
    (file,) = (export / "images").iterdir()
    pillow_heif.from_pillow(Pillow.fromarray(read_image(file))).save(tmp_path / "a.heic")
    file.write_bytes((tmp_path / "a.heic").read_bytes())
    with pytest.raises(ModelError, match="HEIC; convert it to JPEG"):
        take(export)
    assert list((tmp_path / "taken").iterdir()) == []
