"""Exports of labelling tools, made small: photos, and what is read back from the written source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from cv.data.imports.formats import Format
from cv.data.imports.importing import import_source
from cv.data.imports.mapping import label_map
from cv.data.imports.writing import Taken
from cv.data.reading import read_sources
from cv.data.samples import Sample

WIDTH, HEIGHT = 200, 100


def photo(file: Path, *, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> Path:
    """A photo of large blotches, different for each seed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(file), image)
    return file


def turned_photo(file: Path, orientation: int) -> Path:
    """A JPEG stored as WIDTH x HEIGHT, with its left half white, that EXIF says to turn."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2] = 255
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(image).save(file, exif=exif)
    return file


def take(
    export: Path,
    *maps: str,
    images: Path | None = None,
    drop: Sequence[str] = (),
    form: Format = Format.AUTO,
    **options: Any,
) -> tuple[Taken, list[Sample]]:
    """Import beside the export, and read what was written."""
    to = export.parent / "taken" / "mine"
    labels = label_map(maps, None, drop, drop_others=options.pop("drop_others", False))
    taken = import_source(export, images, to, labels=labels, form=form, **options)
    return taken, read_sources(to.parent)


def pixels(sample: Sample) -> list[tuple[str, list[int]]]:
    """Boxes of a WIDTH x HEIGHT photo in pixels."""
    scale = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    return [
        (item.label, [round(v * s) for v, s in zip(item.box, scale, strict=True)])
        for item in sample.boxes
    ]


def yolo(root: Path, lines: dict[str, str], names: str = "names: [cart, car]\n") -> Path:
    """A folder with a photo and a label file per name."""
    folder = root / "yolo"
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, text) in enumerate(lines.items()):
        photo(folder / "images" / f"{name}.png", seed=seed)
        label = folder / "labels" / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text)
    (folder / "data.yaml").write_text(names)
    return folder


def coco(root: Path, **changes: Any) -> Path:
    photo(root / "coco" / "a.png")
    document: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 3, "name": "cart"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [20, 10, 40, 50]}],
    }
    file = root / "coco" / "export.json"
    file.write_text(json.dumps(document | changes))
    return file


def voc_text(objects: str, *, filename: str = "a.png", size: tuple[int, int] = (200, 100)) -> str:
    return (
        f"<annotation><filename>{filename}</filename>\n"
        f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
        f"{objects}</annotation>"
    )


def voc_object(name: str, x1: object, y1: object, x2: object, y2: object) -> str:
    return (
        f"<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n"
    )


def voc(root: Path, text: str) -> Path:
    photo(root / "voc" / "images" / "a.png")
    file = root / "voc" / "Annotations" / "a.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return root / "voc"


def cvat(root: Path, shapes: str, *, size: tuple[int, int] = (200, 100)) -> Path:
    photo(root / "cvat" / "a.png")
    file = root / "cvat" / "annotations.xml"
    file.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f'<image id="0" name="gate/a.png" width="{size[0]}" height="{size[1]}">\n{shapes}\n'
        "</image></annotations>"
    )
    return root / "cvat"


def task(image: str, *results: Any, **annotation: Any) -> dict[str, Any]:
    """A Label Studio task with one annotation."""
    return {"data": {"image": image}, "annotations": [{"result": list(results), **annotation}]}


def rectangle(label: str, x: float, y: float, width: float, height: float, **more: Any) -> Any:
    """A Label Studio result; percent of the photo."""
    value = {"x": x, "y": y, "width": width, "height": height, "rectanglelabels": [label]}
    rotation = more.pop("rotation", None)
    if rotation is not None:
        value["rotation"] = rotation
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"type": "rectanglelabels", "value": value, **size, **more}


def label_studio(root: Path, *tasks: Any) -> Path:
    photo(root / "studio" / "a.png")
    file = root / "studio" / "tasks.json"
    file.write_text(json.dumps(tasks))
    return file
