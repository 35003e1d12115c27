from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from zlib import compress, crc32

import pytest
from PIL import Image as Pillow

from cv.data.reading import read_sources
from cv.data.samples import read_image
from cv.errors import ModelError

MakeSource = Callable[..., Path]


def test_reads_boxes_as_corners_and_keeps_what_is_complete(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", ["cone", "car"], ["11 0.5 0.5 0.2 0.4"])])
    (read,) = read_sources(root)
    assert read.group == "yard/g"
    assert read.complete == {"cone", "car"}
    (box,) = read.boxes
    assert box.label == "cone"
    assert box.box == pytest.approx((0.4, 0.3, 0.6, 0.7))


def test_files_may_begin_as_windows_begins_text(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", ["car"], ["8 0.5 0.5 0.2 0.4"])])
    for file in (root / "yard/images.jsonl", root / "yard/labels/a.txt"):
        file.write_bytes("\ufeff".encode() + file.read_bytes())
    assert [len(sample.boxes) for sample in read_sources(root)] == [1]


def test_an_empty_label_file_says_that_nothing_is_there(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", ["car"], [])])
    assert read_sources(root)[0].boxes == ()


def test_a_missing_label_file_does_not_say_that_nothing_is_there(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", [], []), ("b", "g", ["car"], [])])
    (root / "yard/labels/a.txt").unlink()
    assert [read.boxes for read in read_sources(root)] == [(), ()]
    (root / "yard/labels/b.txt").unlink()
    with pytest.raises(ModelError, match=r"images\.jsonl:2: labels/b\.txt does not exist"):
        read_sources(root)
    row = {"image": "b.png", "group": "g", "complete": [], "absent": ["car"]}
    (root / "yard/images.jsonl").write_text(json.dumps(row))
    with pytest.raises(ModelError, match=r"images\.jsonl:1: labels/b\.txt does not exist"):
        read_sources(root)


@pytest.mark.parametrize(
    ("size", "form", "said"),
    [
        ((9, 20), "PNG", "is 9x20 pixels; training needs 10 a side"),
        ((20, 6), "WEBP", "is 20x6 pixels; training needs 10 a side"),
        ((64, 48), "GIF", "is GIF; convert it to JPEG, PNG or WebP"),
    ],
)
def test_a_photo_that_training_would_drop_is_named(
    make_source: MakeSource, size: tuple[int, int], form: str, said: str
) -> None:
    root = make_source("yard", [("a", "g", ["car"], ["8 0.5 0.5 0.5 0.5"])])
    Pillow.new("RGB", size).save(root / "yard/images/a.png", form)
    with pytest.raises(ModelError) as error:
        read_sources(root)
    assert f"images.jsonl:1: images/a.png {said}" in str(error.value)


def test_a_photo_of_too_many_pixels_to_train_on_is_named(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", ["car"], [])])
    (root / "yard/images/a.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(ModelError, match=r"images/a\.png has too many pixels"):
        read_sources(root)


def test_what_a_photo_is_called_says_nothing_about_its_type(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", ["car"], ["8 0.5 0.5 0.5 0.5"])])
    for name in ("a", "a.jfif", "a.gif"):
        Pillow.new("RGB", (10, 10)).save(root / "yard/images" / name, "JPEG")
        row = {"image": name, "group": "g", "complete": ["car"]}
        (root / "yard/images.jsonl").write_text(json.dumps(row))
        assert read_sources(root)[0].image.name == name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("11 0.5 0.5 0.2", "expected `label x y width height`"),
        ("cone 0.5 0.5 0.2 0.2", "expected `label x y width height`"),
        ("13 0.5 0.5 0.2 0.2", "label 13 is not in 0..12"),
        ("-1 0.5 0.5 0.2 0.2", "label -1 is not in 0..12"),
        ("1 0.5 1.5 0.2 0.2", "must be in 0..1"),
        ("1 0.5 0.5 0 0.2", "must be in 0..1"),
        ("1 nan 0.5 0.1 0.2", "must be in 0..1"),
    ],
)
def test_a_bad_label_line_is_named_by_file_and_line(
    make_source: MakeSource, line: str, said: str
) -> None:
    root = make_source("yard", [("a", "g", [], ["0 0.5 0.5 0.1 0.1", line])])
    with pytest.raises(ModelError) as error:
        read_sources(root)
    assert f"{root}/yard/labels/a.txt:2: " in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "expected"),
        (json.dumps({"image": "a.png", "group": "g"}), "expected"),
        (json.dumps({"image": "a.png", "group": "g", "complete": ["dog"]}), "'dog' is none of"),
        (json.dumps({"image": "a.png", "group": "g", "complete": [1, "x"]}), "'1' is none of"),
        (
            '{"image": "a.png", "group": "g", "complete": [], "horizon": true}',
            "True is not in 0..1",
        ),
        ('{"image": "a.png", "group": "g", "complete": [], "horizon": NaN}', "nan is not in 0..1"),
        *(
            (json.dumps({"image": "b.png", "group": "g", "complete": [], "split": part}), said)
            for part, said in (
                ("Train", "split: 'Train' is none of train, held_out"),
                (5, "split: 5 is none of train, held_out"),
                ("", "split: '' is none of train, held_out"),
                (["train"], "split: ['train'] is none of train, held_out"),
            )
        ),
        *(
            (json.dumps({"image": "b.png", "group": group, "complete": []}), said)
            for group, said in (
                (None, "group: None is neither text nor a whole number"),
                (True, "group: True is neither text nor a whole number"),
                (["g"], "group: ['g'] is neither text nor a whole number"),
            )
        ),
        *(
            (json.dumps({"image": name, "group": "g", "complete": []}), "the name of a file in")
            for name in ("../images/a.png", "/etc/a.png", "sub/a.png", "a.png/", "..", "", 5, None)
        ),
        (json.dumps({"image": "b.png", "group": "g", "complete": []}), "does not exist"),
        (json.dumps({"image": "b" * 300, "group": "g", "complete": []}), "does not exist"),
    ],
)
def test_a_bad_row_of_the_listing_is_named_by_file_and_line(
    make_source: MakeSource, row: str, said: str
) -> None:
    root = make_source("yard", [("a", "g", [], [])])
    listing = root / "yard/images.jsonl"
    listing.write_text(listing.read_text() + row + "\n")
    with pytest.raises(ModelError, match=r"images\.jsonl:2") as error:
        read_sources(root)
    assert said in str(error.value)


def test_a_group_may_be_a_number(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", 7, [], []), ("b", "7", [], [])])
    assert {read.group for read in read_sources(root)} == {"yard/7"}


def test_files_in_another_encoding_are_named(make_source: MakeSource) -> None:
    root = make_source("yard", [("a", "g", [], [])])
    for name in ("labels/a.txt", "images.jsonl"):
        (root / "yard" / name).write_bytes("标注".encode("gbk"))
        with pytest.raises(ModelError, match=rf"{name}: not UTF-8 text"):
            read_sources(root)


def test_an_empty_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ModelError, match=r"a\.jpg: not an image"):
        read_image(tmp_path / "a.jpg")


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(ModelError, match=r"a\.jpg: cannot be read"):
        read_image(tmp_path / "a.jpg")


def test_a_header_of_more_pixels_than_can_be_decoded_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(ModelError, match=r"a\.png: not an image that can be decoded"):
        read_image(tmp_path / "a.png")


def png_header(width: int, height: int) -> bytes:
    """A PNG of that size that holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", compress(bytes(1000))),
            chunk(b"IEND", b""),
        )
    )


def test_a_folder_without_sources_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no source there"):
        read_sources(tmp_path)


@pytest.mark.usefixtures("stack")
def test_a_data_set_of_another_version_is_one_line(tmp_path: Path) -> None:
    from cv.train.dataset import read_dataset

    (tmp_path / "data.yaml").write_text("path: x\nnames:\n  0: a\n")
    with pytest.raises(ModelError, match="not of this version"):
        read_dataset(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(ModelError, match=r"data\.yaml is gone"):
        read_dataset(tmp_path)
