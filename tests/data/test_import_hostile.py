"""Whatever the bytes of an export: a source is written, or there is one line that says why not."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cv.data.imports.formats import Format
from cv.data.imports.grouping import GroupBy
from cv.data.imports.imported import Imported
from cv.data.imports.mapping import label_map
from cv.data.imports.photos import Photos
from cv.data.imports.writing import write_source
from cv.data.reading import read_sources
from cv.errors import KerbwatchError
from tests.data.exports import photo, rectangle, take, task

KEYS = st.sampled_from(
    [
        *("images", "annotations", "categories", "id", "file_name", "width", "height", "bbox"),
        *("image_id", "category_id", "iscrowd", "name", "data", "image", "result", "type"),
        *("value", "x", "y", "rectanglelabels", "polygonlabels", "points", "rotation"),
        *("was_cancelled", "original_width", "original_height", "image_rotation"),
        *("labels", "ellipselabels", "radiusX", "radiusY"),
    ]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 3, 7, 10**400, -1e308])
KINDS = ["rectanglelabels", "polygonlabels", "ellipselabels", "rectangle", "ellipse", "labels"]
WORDS = st.sampled_from(["a.png", "car", *KINDS, "\ud800", "../a.png"])
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
COCO = {
    "images": [{"id": 7, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 3, "name": "car"}],
    "annotations": [{"image_id": 7, "category_id": 3, "bbox": [20, 10, 40, 50]}],
}
LABEL = {"type": "labels", "id": "r", "value": {"labels": ["car"]}}
PLAIN = {"type": "rectangle", "id": "r", "value": {"x": 1, "y": 2, "width": 9, "height": 8}}
TASKS = [task("a.png", rectangle("car", 10, 10, 20, 50, rotation=5), PLAIN, LABEL)]
VOC = (
    "<annotation><filename>a.png</filename><size><width>200</width><height>100</height></size>"
    "<object><name>car</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>50</xmax><ymax>60</ymax>"
    "</bndbox></object></annotation>"
)
CVAT = (
    '<annotations><image name="a.png" width="200" height="100"><box label="car" xtl="1" ytl="2" '
    'xbr="50" ybr="60" rotation="9"/><polygon label="car" points="1,2;50,9;3,70"/>'
    '<ellipse label="car" cx="9" cy="8" rx="7" ry="6"/></image></annotations>'
)
YOLO = "0 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.9 0.1 0.5 0.8\n"
NAMES = "names:\n  0: car\n"


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """A good document in which one value, at any depth, is replaced."""
    copy = json.loads(json.dumps(document))
    inner, steps = copy, draw(st.integers(1, 7))
    for step in range(steps):
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key = draw(st.sampled_from(list(keys)))
        if step == steps - 1 or not isinstance(inner[key], dict | list) or not inner[key]:
            inner[key] = draw(VALUES)
            break
        inner = inner[key]
    return copy


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """A good file with a piece of it replaced."""
    data = text.encode()
    start, end = sorted(draw(st.tuples(*(st.integers(0, len(data)),) * 2)))
    known = [b"<!DOCTYPE a>", b"&a;", b"nan", b"1e999", b"-", b"<track/>", b"\0", b'"', b"<b>"]
    return data[:start] + draw(st.binary(max_size=12) | st.sampled_from(known)) + data[end:]


def is_refused(data: bytes, name: str, form: Format) -> bool:
    """Whether an export with this file is refused: in one line, and then nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        photo(root / "export" / "a.png")
        file = root / "export" / name
        if form is Format.YOLO and name == "a.txt":
            (root / "export/data.yaml").write_text(NAMES)
        elif form is Format.YOLO:
            (root / "export/a.txt").write_text(YOLO)
        file.write_bytes(data)
        export = file.parent if form is Format.YOLO else file
        try:
            take(export, form=form, images=root / "export", drop_others=True)
        except KerbwatchError as error:
            assert "\n" not in str(error)
            assert not (export.parent / "taken/mine").exists()
            return True
        assert (export.parent / "taken/mine/images.jsonl").exists()
        return False


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


@settings(deadline=None, max_examples=150)
@given(VALUES | changed(COCO))
def test_any_json_as_coco_is_imported_whole_or_refused_in_one_line(value: Any) -> None:
    is_refused(as_bytes(value), "e.json", Format.COCO)


@settings(deadline=None, max_examples=150)
@given(VALUES | changed(TASKS))
def test_any_json_as_label_studio_is_imported_whole_or_refused_in_one_line(value: Any) -> None:
    is_refused(as_bytes(value), "e.json", Format.LABEL_STUDIO)


@settings(deadline=None, max_examples=150)
@given(damaged(VOC), damaged(CVAT), damaged(json.dumps(COCO)), damaged(json.dumps(TASKS)))
def test_a_damaged_file_is_imported_whole_or_refused_in_one_line(
    voc: bytes, cvat: bytes, coco: bytes, tasks: bytes
) -> None:
    is_refused(voc, "e.xml", Format.VOC)
    is_refused(cvat, "e.xml", Format.CVAT)
    is_refused(coco, "e.json", Format.COCO)
    is_refused(tasks, "e.json", Format.LABEL_STUDIO)


@settings(deadline=None, max_examples=150)
@given(damaged(YOLO), damaged(NAMES), st.text("na: mes\n-'\"[]{},0#\\", max_size=40))
def test_a_damaged_yolo_folder_is_imported_whole_or_refused_in_one_line(
    labels: bytes, names: bytes, text: str
) -> None:
    is_refused(labels, "a.txt", Format.YOLO)
    is_refused(names, "data.yaml", Format.YOLO)
    is_refused(f"names:{text}".encode(), "data.yaml", Format.YOLO)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("data", "name", "form"),
    [
        (b"[" * 200_000, "e.json", Format.COCO),
        (b'{"images": ' * 100_000, "e.json", Format.LABEL_STUDIO),
        (b"<a>" * 100_000, "e.xml", Format.VOC),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "e.xml", Format.CVAT),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "e.xml", Format.CVAT),
        (b"1" * 10_000, "e.json", Format.COCO),
        (b"names: [" + b"'a', " * 50_000, "data.yaml", Format.YOLO),
        (b"names: [" + b"a" * 100_000, "data.yaml", Format.YOLO),
        (b"names: {" + b"0: " * 50_000 + b"}", "data.yaml", Format.YOLO),
    ],
)
def test_bombs_are_refused_quickly(data: bytes, name: str, form: Format) -> None:
    assert is_refused(data, name, form)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="/\0", exclude_categories=("Cs",)),
            min_size=1,
            max_size=40,
        ).filter(lambda name: name not in (".", "..")),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_any_file_name_gives_a_source_that_reads(stems: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bytes_of = photo(root / "a.png").read_bytes()
        for number, stem in enumerate(stems):
            file = root / "photos" / str(number) / f"{stem}.png"
            file.parent.mkdir(parents=True)
            file.write_bytes(bytes_of)
        photos = Photos(root / "photos")
        found = [Imported(file, photos.name(file), "e") for file in photos.files]
        labels = label_map([], None, [], drop_others=False)
        taken = write_source(
            found, root / "to/x", labels=labels, complete=frozenset(), group_by=GroupBy.PREFIX
        )
        assert taken.photos == len(read_sources(root / "to")) == len(stems)
