"""Tells which tool an export is from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cv.data.imports import coco, cvat, label_studio, voc, yolo
from cv.data.imports.below import below, of_suffix
from cv.data.imports.formats import Format
from cv.data.imports.imported import Imported
from cv.data.imports.json_values import read_json
from cv.data.imports.xml_tree import read_xml
from cv.data.imports.yolo_names import NAME_FILES
from cv.errors import ModelError

__all__ = ["READERS", "detect_format"]

Reader = Callable[[Path, Path], Iterator[Imported]]


READERS: dict[Format, Reader] = {
    Format.YOLO: yolo.read,
    Format.COCO: coco.read,
    Format.VOC: voc.read,
    Format.CVAT: cvat.read,
    Format.LABEL_STUDIO: label_studio.read,
}
"""Each yields the photos of an export, whose photos are below a folder."""


def detect_format(export: Path) -> Format:
    """The format of a file or folder.

    Raises:
        ModelError: it is none of these formats or cannot be read.
    """
    if export.suffix.lower() == ".zip":
        raise ModelError(f"{export}: is packed; unpack it and give the folder")
    if _has_names(export):
        return Format.YOLO
    for suffix, kind in ((".xml", _xml_kind), (".json", _json_kind)):
        file = _first(export, suffix)
        if file is not None and (found := kind(file)) is not None:
            return found
    raise ModelError(f"{export}: no format known; choose --format {', '.join(READERS)}")


def _has_names(export: Path) -> bool:
    if export.is_file():
        return export.name in NAME_FILES or export.suffix in (".yaml", ".yml")
    return any(next(below(export, name), None) for name in NAME_FILES)


def _first(export: Path, suffix: str) -> Path | None:
    if export.is_file():
        return export if export.suffix.lower() == suffix else None
    return min(of_suffix(export, suffix), default=None)


def _xml_kind(file: Path) -> Format | None:
    return {"annotation": Format.VOC, "annotations": Format.CVAT}.get(read_xml(file).tag)


def _json_kind(file: Path) -> Format | None:
    value = read_json(file).value
    if isinstance(value, list):
        return Format.LABEL_STUDIO
    return Format.COCO if isinstance(value, dict) and "images" in value else None
