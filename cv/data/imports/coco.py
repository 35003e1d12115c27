"""COCO JSON: `images`, `annotations`, `categories`; boxes x, y, width, height in pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cv.data.imports.imported import Imported, NamedBox, files_of, stated_size, turned
from cv.data.imports.json_values import Node, read_json
from cv.data.imports.photos import Photos
from cv.geometry import Box

__all__ = ["read"]

Id = int | str


def read(export: Path, images: Path) -> Iterator[Imported]:
    """The photos of a COCO file, or of all COCO files below a folder.

    Raises:
        ModelError: names the file and the key that cannot be used.
    """
    photos = Photos(images)
    for file in files_of(export, ".json"):
        yield from _read_file(read_json(file), photos)
    photos.check_folders()


def _read_file(root: Node, photos: Photos) -> Iterator[Imported]:
    listed = _listed(root, "images")
    boxes, others = _boxes(root, listed)
    for number, row in listed.items():
        photo = photos.find(row.key("file_name").text(), row.where)
        size = stated_size(row.number_of("width", 0), row.number_of("height", 0))
        yield Imported(
            photo, photos.name(photo), row.where, size, tuple(boxes[number]), tuple(others[number])
        )


def _listed(root: Node, name: str) -> dict[Id, Node]:
    """Rows by their id, which no two of them share."""
    listed: dict[Id, Node] = {}
    for row in _rows(root, name):
        number = row.key("id").identity()
        if number in listed:
            raise row.fail(f"id {number!r} is also that of {listed[number].path}")
        listed[number] = row
    return listed


def _boxes(
    root: Node, listed: dict[Id, Node]
) -> tuple[dict[Id, list[NamedBox]], dict[Id, list[str]]]:
    """Boxes and the classes of crowds per image id."""
    names = {number: row.key("name").text() for number, row in _listed(root, "categories").items()}
    boxes: defaultdict[Id, list[NamedBox]] = defaultdict(list)
    others: defaultdict[Id, list[str]] = defaultdict(list)
    for row in _rows(root, "annotations"):
        image = row.key("image_id").identity()
        category = row.key("category_id").identity()
        if image not in listed:
            raise row.fail(f"image_id {image!r} is not among the images")
        if category not in names:
            raise row.fail(f"category_id {category!r} is not among the categories")
        if row.number_of("iscrowd", 0):
            others[image].append(names[category])  # a region with many of them is not a box of one
        else:
            boxes[image].append(NamedBox(names[category], _box(row)))
    return boxes, others


def _rows(root: Node, name: str) -> Iterator[Node]:
    return root.key(name).items()


def _box(row: Node) -> Box:
    node = row.key("bbox")
    values = [item.number() for item in node.items()]
    if len(values) != 4:
        raise node.fail("must be x, y, width, height")
    x, y, width, height = values
    box = Box(x, y, x + width, y + height)
    return turned(box, _rotation(row), box.centre)


def _rotation(row: Node) -> float:
    """Degrees by which a box is turned: CVAT writes it as it was before, unless it is a shape's.

    An attribute of that name may also be the user's own, and anything.
    """
    attributes = row.maybe("attributes")
    if (
        attributes is None
        or not isinstance(attributes.value, dict)
        or row.value.get("segmentation")
    ):
        return 0.0
    is_stated = type(attributes.value.get("rotation")) in (int, float)
    return attributes.key("rotation").number() if is_stated else 0.0
