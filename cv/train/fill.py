"""Fills in what a source does not box: persons and vehicles, as the COCO model sees them.

Most sources box only some labels; a person who is there but not boxed would be taught as
background. Training photos get the COCO model's sure boxes for labels that are not complete, and
its unsure ones as places about which the loss is silent. Evaluation never sees either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from cv.data.samples import LabelledBox, Sample, read_image
from cv.data.scenes import is_hidden
from cv.detect.letterbox import letterbox
from cv.geometry import Box, intersection, iou
from cv.labels import TWO_WHEELERS, VEHICLES
from cv.train.graph import Deployed
from cv.train.network import COCO_IDS
from cv.train.outputs import write_output
from cv.train.sureness import choose_sure, described

__all__ = ["UNSURE", "Filling", "fill", "sort_found", "without_hidden"]

UNSURE = 0.12
"""From this score on, a box of the COCO model is a place where the label may be."""
_SIDE = 640
_BATCH = 8
_RIDDEN = VEHICLES | TWO_WHEELERS


@dataclass(frozen=True, slots=True)
class Filling:
    """What the COCO model adds to one photo.

    Attributes:
        sure: pseudo boxes for training.
        unsure: boxes within which their label is unknown.
    """

    sure: tuple[LabelledBox, ...] = ()
    unsure: tuple[LabelledBox, ...] = ()


def fill(
    samples: Sequence[Sample],
    coco: Any,
    cache: Path,
    *,
    half: bool,
    device: str = "cpu",
    others: Iterable[Path] = (),
) -> list[Filling]:
    """One filling per sample, in order.

    Args:
        coco: network for the 80 COCO classes, eval mode.
        cache: JSON file of what networks found, read if it is there; photos that it lacks, or
            knows as they were once or to another network, are added.
        half: run the network in bfloat16.
        others: caches of other runs, only read: what they hold need not be found again.
    """
    # A run that was killed before its first checkpoint begins anew, perhaps with more photos,
    # others of the same names, or other weights.
    network = _digest(coco) + ("-bf16" if half else "")
    keys = [_key(sample, network) for sample in samples]
    known = _cached(cache)
    found = {key: known[key] for key in keys if key in known}
    for other in others:
        if len(found) < len(keys):
            theirs = _cached(other)
            found |= {key: theirs[key] for key in keys if key in theirs}
    new = [n for n, key in enumerate(keys) if key not in found]
    if new:
        seen = _find([samples[n] for n in new], coco, half=half, device=device)
        found |= zip((keys[n] for n in new), seen, strict=True)
    if not found.keys() <= known.keys():
        write_output(cache, json.dumps(known | found).encode())
    rows = [found[key] for key in keys]
    sure = choose_sure(samples, rows, tuple(COCO_IDS))
    Console().print(f"boxes of the COCO model count as true from: {described(sure)}")
    return [sort_found(sample, mine, sure) for sample, mine in zip(samples, rows, strict=True)]


def _key(sample: Sample, network: str) -> str:
    """Names what was found: a photo as it is now, and what looked at it."""
    file = sample.image.stat()
    photo = f"{sample.source}/{sample.image.name}"
    return f"{photo} {file.st_size} {file.st_mtime_ns} {network}"


def _digest(network: Any) -> str:
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode() + values.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


Row = list[float]
"""COCO label's index in COCO_IDS, score, x1, y1, x2, y2 (0..1)."""


def _cached(file: Path) -> dict[str, list[Row]]:
    """What a cache holds; one that cannot be read holds nothing, and is made anew."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: rows for key, rows in found.items() if _are_rows(rows)}


def _are_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, list)
        and len(row) == 6
        and all(type(value) in (int, float) for value in row)
        and row[0] in range(len(COCO_IDS))
        for row in rows
    )


def _find(samples: Sequence[Sample], coco: Any, *, half: bool, device: str) -> Iterator[list[Row]]:
    """What the network sees in each photo, in order."""
    deployed = Deployed(coco).to(device, memory_format=torch.channels_last)
    number = {coco_id: i for i, coco_id in enumerate(COCO_IDS.values())}
    for first in range(0, len(samples), _BATCH):
        some = samples[first : first + _BATCH]
        images = [read_image(sample.image) for sample in some]
        fitted = [letterbox(image, (_SIDE, _SIDE)) for image in images]
        batch = torch.from_numpy(np.stack([f.image for f in fitted])).to(device)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            outputs = deployed(batch).float().cpu().numpy()
        for image, fit, rows in zip(images, fitted, outputs, strict=True):
            height, width = image.shape[:2]
            kept = rows[(rows[:, 4] >= UNSURE) & np.isin(rows[:, 5], list(number))]
            boxes = fit.to_source(kept[:, :4], width, height) / [width, height, width, height]
            yield [
                [number[int(row[5])], round(float(row[4]), 4), *(round(float(v), 5) for v in b)]
                for row, b in zip(kept, boxes, strict=True)
            ]


def sort_found(sample: Sample, found: Sequence[Row], surely: Mapping[str, float]) -> Filling:
    """What of the COCO model's boxes is new in this photo, by how sure it is.

    Args:
        found: rows of (index of the label in COCO_IDS, score, x1, y1, x2, y2 in 0..1).
        surely: from which score a box counts as true, per label.
    """
    labels = tuple(COCO_IDS)
    sure: list[LabelledBox] = []
    unsure: list[LabelledBox] = []
    for number, score, *corners in sorted(found, key=lambda row: -row[1]):
        item = LabelledBox(labels[int(number)], Box(*corners))
        if item.label in sample.complete or item.box.area <= 0 or _is_mistaken(item, sample):
            continue
        if any(_same_thing(item, other) for other in (*sample.boxes, *sure)):
            continue
        is_sure = score >= surely[item.label]
        if item.label in sample.absent:
            # Nobody checked, so what looks much like one is taught neither way.
            unsure += [item] if is_sure else []
        else:
            (sure if is_sure else unsure).append(item)
    return Filling(tuple(sure), tuple(unsure))


def without_hidden(filling: Filling, covers: Sequence[Box]) -> Filling:
    """What of a filling is still to be seen behind what was set in front of it."""
    sure, unsure = (
        tuple(item for item in items if not is_hidden(item.box, covers))
        for items in (filling.sure, filling.unsure)
    )
    return Filling(sure, unsure)


def _is_mistaken(found: LabelledBox, sample: Sample) -> bool:
    """Whether it is what a reviewer rejected: then it is background, however sure the model is."""
    return any(
        found.label == item.label and iou(found.box, item.box) >= 0.5 for item in sample.mistaken
    )


def _same_thing(found: LabelledBox, known: LabelledBox) -> bool:
    """Whether a found box is the known one again, perhaps by another name.

    A rickshaw that is boxed as tricycle looks like a car and a motorcycle to the COCO model; a
    person on a motorcycle is a second thing in almost the same box.
    """
    if (found.label == "person") != (known.label == "person"):
        return False
    if iou(found.box, known.box) >= 0.5:
        return True
    inside = intersection(found.box, known.box) >= 0.7 * found.box.area
    return inside and known.label == "tricycle" and found.label in _RIDDEN
