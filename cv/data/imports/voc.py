"""Pascal VOC: one XML file per photo, corners in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cv.data.imports.imported import Imported, NamedBox, Size, files_of, stated_size
from cv.data.imports.photos import Photos
from cv.data.imports.xml_tree import Element, read_xml
from cv.errors import ModelError
from cv.geometry import Box

__all__ = ["read"]


def read(export: Path, images: Path) -> Iterator[Imported]:
    """The photos of one annotation file, or of all below a folder.

    Raises:
        ModelError: names the file and line that cannot be used.
    """
    photos = Photos(images)
    for file in files_of(export, ".xml"):
        root = read_xml(file)
        if root.tag != "annotation":
            raise ModelError(f"{root.where}: expected <annotation>, not <{root.tag[:40]}>")
        photo = _photo(root, photos)
        boxes = tuple(_box(element) for element in root.all("object"))
        yield Imported(photo, photos.name(photo), root.where, _size(root), boxes)


def _photo(root: Element, photos: Photos) -> Path:
    """By its file name, else by the annotation's: photos are often renamed together with it."""
    name = root.first("filename")
    if name is not None and len(found := photos.best(name.text())) == 1:
        return found[0]
    namesakes = [file for file in photos.files if file.stem == root.file.stem]
    if len(namesakes) == 1:
        return namesakes[0]
    return photos.find(name.text() if name is not None else root.file.stem, root.where)


def _size(root: Element) -> Size | None:
    size = root.first("size")
    if size is None:
        return None
    return stated_size(size.child("width").number(), size.child("height").number())


def _box(element: Element) -> NamedBox:
    # VOC counts pixels from 1, most tools that write it from 0: taken as from 0, a pixel at most.
    box = element.child("bndbox")
    edges = (box.child(edge).number() for edge in ("xmin", "ymin", "xmax", "ymax"))
    return NamedBox(element.child("name").text(), Box(*edges))
