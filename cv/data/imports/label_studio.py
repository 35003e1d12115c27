"""Label Studio's JSON: a list of tasks; boxes in percent of the photo."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cv.data.imports.imported import (
    Imported,
    NamedBox,
    around_ellipse,
    enclosing,
    files_of,
    turned,
)
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
    photos.check_folders()


def _read_task(task: Node, photos: Photos) -> Imported:
    photo = _photo(task, photos)
    annotation = _annotation(task)
    if annotation is None:
        return Imported(photo, photos.name(photo), task.where, labelled=False)
    boxes, others = _shapes(list(annotation.key("result").items()))
    return Imported(photo, photos.name(photo), task.where, UNIT, tuple(boxes), tuple(others))


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


def _shapes(results: Sequence[Node]) -> tuple[list[NamedBox], list[str | None]]:
    """Boxes, and the classes of shapes that are left out.

    RectangleLabels writes a shape with its class, Rectangle beside Labels two results of one id.
    """
    drawn = {_id(result): result for result in results if _kind(result) in _DRAWN}
    named = {_id(result) for result in results if _kind(result) == "labels"}
    boxes: list[NamedBox] = []
    others: list[str | None] = []
    for result in results:
        kind = _kind(result)
        if not kind.endswith("labels"):
            continue
        name = _class(result.key("value"), kind)
        shape = drawn.get(_id(result), result) if kind == "labels" else result
        box = _BOXED.get(_kind(shape).removesuffix("labels"))
        if box is None:
            others.append(name)
        else:
            boxes.append(NamedBox(name, _checked(box, shape)))
    return boxes, others + [None] * len(drawn.keys() - named)


def _kind(result: Node) -> str:
    kind = result.maybe("type")
    return kind.value if kind is not None and isinstance(kind.value, str) else ""


def _id(result: Node) -> int | str:
    return result.key("id").identity()


def _class(value: Node, kind: str) -> str:
    names = list(value.key(kind).items())
    if len(names) != 1:
        raise value.fail(f"must have one class, not {len(names)}")
    return names[0].text()


def _checked(box: Callable[[Node, Node], Box], shape: Node) -> Box:
    """The box around a shape, in 0..1."""
    if shape.number_of("image_rotation", 0):
        raise shape.fail("'image_rotation' is not 0; turn the photo itself, then label it")
    return Box(*(edge / 100 for edge in box(shape, shape.key("value"))))


def _rectangle(shape: Node, value: Node) -> Box:
    """In percent, as stored; turned clockwise about its upper left corner if it has a rotation."""
    x, y, width, height = (value.key(n).number() for n in ("x", "y", "width", "height"))
    rotation = value.number_of("rotation", 0)
    if not rotation:
        return Box(x, y, x + width, y + height)
    across, down = _pixels(shape)
    corner = (x * across, y * down)
    box = turned(
        Box(*corner, corner[0] + width * across, corner[1] + height * down), rotation, corner
    )
    return box.resized((across, down), UNIT)


def _ellipse(shape: Node, value: Node) -> Box:
    """In percent; turned clockwise about its middle if it has a rotation."""
    x, y, rx, ry = (value.key(n).number() for n in ("x", "y", "radiusX", "radiusY"))
    rotation = value.number_of("rotation", 0)
    across, down = _pixels(shape) if rotation else UNIT
    box = around_ellipse((x * across, y * down), (rx * across, ry * down), rotation)
    return box.resized((across, down), UNIT)


def _pixels(shape: Node) -> tuple[float, float]:
    """Width and height of a percent in pixels: only pixels are turned."""
    across = shape.key("original_width").number() / 100
    down = shape.key("original_height").number() / 100
    if across <= 0 or down <= 0:
        raise shape.fail("'original_width' and 'original_height' must be above 0")
    return across, down


def _polygon(_: Node, value: Node) -> Box:
    points: list[Point] = []
    for pair in value.key("points").items():
        numbers = [item.number() for item in pair.items()]
        if len(numbers) != 2:
            raise pair.fail("must be x, y")
        points.append((numbers[0], numbers[1]))
    if not points:
        raise value.fail("'points' is empty")
    return enclosing(points)


_BOXED: dict[str, Callable[[Node, Node], Box]] = {
    "rectangle": _rectangle,
    "polygon": _polygon,
    "ellipse": _ellipse,
}
"""Shapes of which the box around is taken; of a result and its value, in percent."""
_DRAWN = frozenset({*_BOXED, "brush", "keypoint", "vector", "bitmask"})
"""Results that are a shape without a class."""
