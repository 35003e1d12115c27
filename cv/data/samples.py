"""The labelled photos: folders in, samples out, split by place.

A source folder holds `images/`, `labels/*.txt` (YOLO: label id, centre x, centre y, width, height,
0..1) and `images.jsonl`: per image the labels that are boxed exhaustively ("complete") and the
group to split by (neighbouring frames, the same place).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cv.errors import ModelError
from cv.geometry import Box, Image
from cv.labels import LABELS

__all__ = [
    "LabelledBox",
    "Sample",
    "default_data",
    "default_weights",
    "group_of",
    "leave_out",
    "only",
    "read_image",
    "read_sources",
    "share_of",
    "split",
    "spread",
    "yolo_row",
]

_SHARE = 0.12
"""Share of each label's boxes and of each source's photos that is held out."""
_MOST_OF_SOURCE = 0.5
"""What one group may be of its source's photos to be held out: nothing would be left to learn."""
_ENOUGH_BOXES = 10
"""A rare label gives up to a quarter of its boxes to reach this many."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A true box; x1, y1, x2, y2 in 0..1 of the image."""

    label: str
    box: Box


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled photo.

    Attributes:
        group: as `group_of` names it; all of it trains or all of it validates.
        complete: labels of which every instance in the photo is boxed.
        absent: labels hardly ever there though nobody checked: taught as absent, not scored.
        split: "train" or "held_out" if `kerbwatch data build` has decided it.
    """

    image: Path
    source: str
    group: str
    complete: frozenset[str]
    boxes: tuple[LabelledBox, ...]
    absent: frozenset[str] = frozenset()
    split: str | None = None


def default_data() -> Path:
    """KERBWATCH_MEDIA/data, else ../shared/data."""
    return Path(os.environ.get("KERBWATCH_MEDIA", "../shared")) / "data"


def default_weights(size: str) -> Path:
    """COCO's weights of a network of this size, n or s, beside the data."""
    return default_data().parent / "weights" / f"yolo26{size}-coco-fused.npz"


def read_image(path: Path) -> Image:
    """A photo as uint8 [height, width, 3] BGR.

    Raises:
        ModelError: not an image.
    """
    content = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise ModelError(f"{path}: not an image that can be decoded")
    return image  # type: ignore[return-value]  # opencv's stubs name no element type


def read_sources(root: Path, *, only: Collection[str] | None = None) -> list[Sample]:
    """All photos of all sources below a folder, in a fixed order.

    Args:
        only: names of the sources to read; None is all.

    Raises:
        ModelError: names the file and line that cannot be used.
    """
    listings = sorted(
        file for file in root.glob("*/images.jsonl") if only is None or file.parent.name in only
    )
    if not listings:
        raise ModelError(f"{root}: no source there; expected <source>/images.jsonl")
    samples = [sample for listing in listings for sample in _read_source(listing)]
    return sorted(samples, key=lambda sample: (sample.source, sample.image.name))


def _read_source(listing: Path) -> Iterator[Sample]:
    folder = listing.parent
    for number, line in enumerate(_lines(listing), start=1):
        where = f"{listing}:{number}"
        try:
            row = json.loads(line)
            name, group, part = str(row["image"]), str(row["group"]), row.get("split")
            complete = frozenset(map(str, row["complete"]))
            absent = frozenset(map(str, row.get("absent", ())))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f'{where}: expected {{"image": ..., "group": ..., "complete": [...]}}'
            ) from error
        unknown = sorted((complete | absent) - set(LABELS))
        if unknown:
            raise ModelError(f"{where}: complete: {unknown[0]!r} is none of {', '.join(LABELS)}")
        image = folder / "images" / name
        if not os.path.isfile(image):  # noqa: PTH113  # False, too, where no file can have the name
            raise ModelError(f"{where}: {image} does not exist")
        boxes = tuple(_read_boxes(folder / "labels" / f"{image.stem}.txt"))
        group = group_of(folder.name, group)
        yield Sample(image, folder.name, group, complete, boxes, absent, part)


def group_of(source: str, group: str) -> str:
    """A group's full name: `source/group`, or as it is if it has a slash.

    That is how one camera is one place in however many folders its photos are.
    """
    return group if "/" in group else f"{source}/{group}"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error


def _read_boxes(file: Path) -> Iterator[LabelledBox]:
    if not file.exists():
        return  # a photo without boxes
    for number, line in enumerate(_lines(file), start=1):
        if line.strip():
            yield _parse_box(line, f"{file}:{number}")


def _parse_box(line: str, where: str) -> LabelledBox:
    try:
        label, x, y, width, height = line.split()
        number, centre_x, centre_y, w, h = (
            int(label),
            float(x),
            float(y),
            float(width),
            float(height),
        )
    except ValueError as error:
        raise ModelError(f"{where}: expected `label x y width height`, not {line!r}") from error
    if not 0 <= number < len(LABELS):
        raise ModelError(f"{where}: label {number} is not in 0..{len(LABELS) - 1}")
    if not (0 <= centre_x <= 1 and 0 <= centre_y <= 1 and 0 < w <= 1 and 0 < h <= 1):
        raise ModelError(f"{where}: x, y, width, height must be in 0..1, sizes above 0")
    return LabelledBox(
        LABELS[number],
        Box(
            max(0.0, centre_x - w / 2),
            max(0.0, centre_y - h / 2),
            min(1.0, centre_x + w / 2),
            min(1.0, centre_y + h / 2),
        ),
    )


def only(samples: Sequence[Sample], source: str) -> list[Sample]:
    """Every photo of one source.

    Raises:
        ModelError: there is no such source.
    """
    _check_source(samples, source)
    return [sample for sample in samples if sample.source == source]


def leave_out(samples: Sequence[Sample], sources: Collection[str]) -> list[Sample]:
    """The photos of all other sources.

    Raises:
        ModelError: there is no such source, or no other.
    """
    for source in sources:
        _check_source(samples, source)
    kept = [sample for sample in samples if sample.source not in sources]
    if not kept:
        raise ModelError("every source is left out")
    return kept


def share_of(samples: Sequence[Sample], share: float) -> list[Sample]:
    """A share of each source's photos, group after group; a smaller share is within a larger one.

    Args:
        share: 0..1, 0 excluded; at least one photo of a source is taken.

    Raises:
        ModelError: it is not.
    """
    if not 0 < share <= 1:
        raise ModelError(f"a share is more than 0 and at most 1, not {share:g}")
    taken: set[Path] = set()
    order = {group: n for n, group in enumerate(_by_hash({s.group for s in samples}))}
    for source in {s.source for s in samples}:
        drawn = sorted(only(samples, source), key=lambda s: order[s.group])
        taken |= {s.image for s in drawn[: math.ceil(share * len(drawn))]}
    return [sample for sample in samples if sample.image in taken]


def _check_source(samples: Sequence[Sample], source: str) -> None:
    known = {sample.source for sample in samples}
    if source not in known:
        raise ModelError(f"{source!r} is no source; there are {', '.join(sorted(known))}")


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """`count` samples evenly from all sources' order."""
    places = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)
    return [samples[i] for i in places]


def yolo_row(item: LabelledBox, number: int | None = None) -> str:
    """A line of a label file; `number` stands for a label that is none of `LABELS`."""
    (x, y), width, height = item.box.centre, item.box.width, item.box.height
    label = LABELS.index(item.label) if number is None else number
    return f"{label} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"


def split(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(training, validation), by whole groups.

    Groups are drawn in the order of a hash of their name, so the split depends on nothing else:
    first until each label has its share of boxes held out (rarest label first, boxes where the
    label is complete), then until each source has its share of photos. A group that is more than
    half of a source trains, and so does one that is all there is of a label. What a build has
    decided stays so; what lies beside it is split by itself, but for groups that it has decided.
    """
    decided = {sample.group: sample.split for sample in samples if sample.split}
    held = _draw([sample for sample in samples if sample.group not in decided])

    def is_held(sample: Sample) -> bool:
        part = sample.split or decided.get(sample.group)
        return part != "train" if part else sample.group in held

    return [s for s in samples if not is_held(s)], [s for s in samples if is_held(s)]


def _draw(samples: Sequence[Sample]) -> set[str]:
    """The groups to hold out."""
    held: set[str] = set()
    by_label = {
        label: Counter(s.group for s in samples for b in s.boxes if _counts(s, b, label))
        for label in LABELS
    }
    by_source = {
        source: Counter(s.group for s in samples if s.source == source)
        for source in sorted({s.source for s in samples})
    }
    most = {
        group
        for photos in by_source.values()
        for group, count in photos.items()
        if count > _MOST_OF_SOURCE * photos.total()
    }
    for boxes in sorted(by_label.values(), key=Counter.total):
        total = boxes.total()
        _hold_out(boxes, max(_SHARE * total, min(_ENOUGH_BOXES, total / 4)), held, but=most)
    for photos in by_source.values():
        _hold_out(photos, _SHARE * photos.total(), held, but=most)
    return held


def _counts(sample: Sample, box: LabelledBox, label: str) -> bool:
    return box.label == label and label in sample.complete


def _hold_out(sizes: Counter[str], wanted: float, held: set[str], *, but: Collection[str]) -> None:
    """Add groups to `held` until `wanted` of what `sizes` counts is in it; one group stays out.

    Args:
        but: groups that are not to be held out.
    """
    taken = sum(n for group, n in sizes.items() if group in held)
    free = [group for group in _by_hash(sizes) if group not in held]
    allowed = [group for group in free if group not in but]
    for group in allowed if len(allowed) < len(free) else free[:-1]:
        if taken >= wanted:
            return
        held.add(group)
        taken += sizes[group]


def _by_hash(groups: Iterable[str]) -> list[str]:
    return sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest())
