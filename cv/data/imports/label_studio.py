"""Label Studio's JSON: a list of tasks; boxes in percent of the photo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cv.data.imports.imported import Imported, NamedBox, enclosing, files_of, turned
from cv.data.imports.json_values import Node, read_json
from cv.data.imports.photos import Photos
from cv.geometry import UNIT, Box, Point

__all__ = ["read"]

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


def read(export: Path, images: Path) -> Iterator[Imported]:
    """The photos of a file of tasks, or of all below a folder.

    Of several annotations of one task the ground truth counts, else the last one.

    Raises:
        ModelError: names the file and the key that cannot be used.
    """
    photos = Photos(images)
    for file in files_of(export, ".json"):
        for task in read_json(file).items():
            yield _read_task(task, photos)


def _read_task(task: Node, photos: Photos) -> Imported:
    photo = _photo(task, photos)
    annotation = _annotation(task)
    if annotation is None:
        return Imported(photo, photos.name(photo), task.where, labelled=False)
    boxes: list[NamedBox] = []
    others = 0
    for result in annotation.key("result").items():
        box = _box(result)
        if box is None:
            others += 1
        else:
            boxes.append(box)
    return Imported(photo, photos.name(photo), task.where, UNIT, tuple(boxes), others)


def _photo(task: Node, photos: Photos) -> Path:
    data = task.maybe("data")
    if data is None:
        raise task.fail("'data' is missing; export as JSON, not JSON-MIN")
    image = data.key("image")
    name = _path(image)
    found = photos.best(name)
    if not found:
        folder, slash, last = name.rpartition("/")
        name = folder + slash + _UPLOADED.sub("", last)
    return photos.find(name, image.where)


def _path(image: Node) -> str:
    """`/data/local-files/?d=a/b.jpg`, `s3://bucket/b.jpg` and `http://host/b.jpg?key=1` → path."""
    try:
        address = urlsplit(image.text())
    except ValueError as error:
        raise image.fail(str(error)) from error
    given = parse_qs(address.query).get("d", [])
    return given[0] if given else unquote(address.path)


def _annotation(task: Node) -> Node | None:
    listed = task.maybe("annotations")
    if listed is None:
        return None
    usable = [item for item in listed.items() if not _flag(item, "was_cancelled")]
    truths = [item for item in usable if _flag(item, "ground_truth")]
    return next(reversed(truths or usable), None)


def _flag(node: Node, name: str) -> bool:
    found = node.maybe(name)
    return found is not None and found.value is True


def _box(result: Node) -> NamedBox | None:
    """The box around a rectangle or polygon, in 0..1; None for any other kind of result."""
    kind = result.maybe("type")
    if kind is None or kind.value not in ("rectanglelabels", "polygonlabels"):
        return None
    if result.number_of("image_rotation", 0):
        raise result.fail("'image_rotation' is not 0; turn the photo itself, then label it")
    value = result.key("value")
    names = list(value.key(kind.text()).items())
    if len(names) != 1:
        raise value.fail(f"must have one class, not {len(names)}")
    box = _rectangle(result, value) if kind.value == "rectanglelabels" else _around(value)
    return NamedBox(names[0].text(), Box(*(edge / 100 for edge in box)))


def _rectangle(result: Node, value: Node) -> Box:
    """In percent, as stored; turned clockwise about its upper left corner if it has a rotation."""
    x, y, width, height = (value.key(n).number() for n in ("x", "y", "width", "height"))
    rotation = value.number_of("rotation", 0)
    if not rotation:
        return Box(x, y, x + width, y + height)
    across = result.key("original_width").number() / 100
    down = result.key("original_height").number() / 100
    if across <= 0 or down <= 0:
        raise result.fail("'original_width' and 'original_height' must be above 0")
    corner = (x * across, y * down)
    box = turned(
        Box(*corner, corner[0] + width * across, corner[1] + height * down), rotation, corner
    )
    return Box(box.x1 / across, box.y1 / down, box.x2 / across, box.y2 / down)


def _around(value: Node) -> Box:
    points: list[Point] = []
    for pair in value.key("points").items():
        numbers = [item.number() for item in pair.items()]
        if len(numbers) != 2:
            raise pair.fail("must be x, y")
        points.append((numbers[0], numbers[1]))
    if not points:
        raise value.fail("'points' is empty")
    return enclosing(points)
