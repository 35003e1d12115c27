"""CVAT for images 1.1: one XML file, `<image>` with shapes, in pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cv.data.imports.imported import (
    Imported,
    NamedBox,
    around_ellipse,
    enclosing,
    files_of,
    stated_size,
    turned,
)
from cv.data.imports.photos import Photos
from cv.data.imports.xml_tree import Element, read_xml
from cv.errors import ModelError
from cv.geometry import Box, Point

__all__ = ["read"]


def read(export: Path, images: Path) -> Iterator[Imported]:
    """The photos of a CVAT file, or of all CVAT files below a folder.

    CVAT lists a photo that nobody has looked at like one without objects: both are taken.

    Raises:
        ModelError: names the file and line that cannot be used.
    """
    photos = Photos(images)
    for file in files_of(export, ".xml"):
        root = read_xml(file)
        if root.tag != "annotations":
            raise ModelError(f"{root.where}: expected <annotations>, not <{root.tag[:40]}>")
        if root.first("track") is not None:
            raise root.fail("is CVAT for video; export it as CVAT for images 1.1")
        for image in root.all("image"):
            yield _read_image(image, photos)
    photos.check_folders()


def _read_image(image: Element, photos: Photos) -> Imported:
    photo = photos.find(_name(image, photos), image.where)
    size = stated_size(image.attribute_number("width"), image.attribute_number("height"))
    boxes: list[NamedBox] = []
    others: list[str] = []
    for shape in image.children:
        if shape.tag in _BOXED:
            boxes.append(NamedBox(shape.attribute("label"), _BOXED[shape.tag](shape)))
        elif shape.tag != "tag" and "label" in shape.attributes:  # a tag is of the whole photo
            others.append(shape.attribute("label"))
    name = photos.name(photo)
    return Imported(photo, name, image.where, size, tuple(boxes), tuple(others))


def _name(image: Element, photos: Photos) -> str:
    """With its subset where photos of one name differ in that: a project has a folder for each."""
    name, subset = image.attribute("name"), image.attributes.get("subset", "")
    return f"{subset}/{name}" if subset and len(photos.best(name)) > 1 else name


def _box(shape: Element) -> Box:
    box = Box(*(shape.attribute_number(edge) for edge in ("xtl", "ytl", "xbr", "ybr")))
    # CVAT turns a box clockwise about its middle.
    return turned(box, shape.attribute_number("rotation", 0.0), box.centre)


def _polygon(shape: Element) -> Box:
    return enclosing(_points(shape))


def _mask(shape: Element) -> Box:
    left, top, width, height = (
        shape.attribute_number(name) for name in ("left", "top", "width", "height")
    )
    return Box(left, top, left + width, top + height)


def _ellipse(shape: Element) -> Box:
    x, y, across, down = (shape.attribute_number(name) for name in ("cx", "cy", "rx", "ry"))
    return around_ellipse((x, y), (across, down), shape.attribute_number("rotation", 0.0))


_BOXED: dict[str, Callable[[Element], Box]] = {
    "box": _box,
    "polygon": _polygon,
    "mask": _mask,
    "ellipse": _ellipse,
}
"""Shapes of which the box around is taken."""


def _points(shape: Element) -> list[Point]:
    points = []
    for pair in shape.attribute("points").strip().removesuffix(";").split(";"):
        x, _, y = pair.partition(",")
        points.append((shape.parsed(x, "points"), shape.parsed(y, "points")))
    return points
