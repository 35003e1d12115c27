"""Pascal VOC: one XML file per photo, corners in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PureWindowsPath

from cv.data.imports.imported import Imported, NamedBox, Size, files_of, stated_size, turned
from cv.data.imports.photos import Photos, shared_tail
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
    """The photo of the annotation's own name, else of the name that it states.

    Of several, the one beside the annotation, else in a folder called as the annotation's own or as
    the one that it states. LabelImg writes beside the photo; what it states may be out of date.

    Raises:
        ModelError: there is none, or more than one may be meant.
    """
    file, path = root.file, PureWindowsPath(_text(root, "path"))
    stated = PureWindowsPath(_text(root, "filename"))
    name = stated.name or path.name or file.stem
    own, named = photos.namesakes(file.stem), photos.called(name)
    fitting = [photo for photo in own if photo in named] or own or named
    beside = [photo for photo in fitting if photo.parent == file.parent]
    if len(beside) == 1:
        return beside[0]
    if own and named and not set(own) & set(named):
        raise photos.unclear([own[0], named[0]], name, root.where)
    folder = PureWindowsPath(_text(root, "folder"))
    for place in (file.parent, path.parent, stated.parent, folder):
        if found := _in_folder(fitting, place):
            return found
    if len(fitting) > 1:
        raise photos.unclear(fitting, name, root.where)
    if not fitting:
        raise photos.missing(name, root.where)
    if file.parent in photos.folders:
        raise root.fail(f"its photo is not beside it, and {fitting[0]} is in another folder")
    return fitting[0]


def _in_folder(photos: Sequence[Path], folder: PurePath) -> Path | None:
    """The photo whose folder agrees with this one furthest from the end, if it is one alone."""
    agreeing = [shared_tail(photo.parent.parts, folder.parts) for photo in photos]
    longest = max(agreeing, default=0)
    if not longest or agreeing.count(longest) > 1:
        return None
    return photos[agreeing.index(longest)]


def _text(root: Element, tag: str) -> str:
    element = root.first(tag)
    return "" if element is None else element.text()


def _size(root: Element) -> Size | None:
    size = root.first("size")
    if size is None:
        return None
    return stated_size(size.child("width").number(), size.child("height").number())


def _box(element: Element) -> NamedBox:
    # VOC counts pixels from 1, most tools that write it from 0: taken as from 0, a pixel at most.
    corners = element.child("bndbox")
    box = Box(*(corners.child(edge).number() for edge in ("xmin", "ymin", "xmax", "ymax")))
    return NamedBox(element.child("name").text(), turned(box, _rotation(element), box.centre))


def _rotation(element: Element) -> float:
    """Degrees by which a box is turned that CVAT writes as it was before."""
    attributes = element.first("attributes")
    for attribute in attributes.all("attribute") if attributes else ():
        if _text(attribute, "name") == "rotation":
            return attribute.child("value").number()
    return 0.0
