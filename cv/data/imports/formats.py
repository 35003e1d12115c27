"""The formats that `kerbwatch data import` reads."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Format"]


class Format(StrEnum):
    """What wrote an export; AUTO is to be found out."""

    AUTO = "auto"
    YOLO = "yolo"
    COCO = "coco"
    VOC = "voc"
    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"
