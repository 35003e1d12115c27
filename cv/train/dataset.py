"""Writes the data set that ultralytics reads: links to photos, label files, lists."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cv.data.samples import Sample, yolo_row
from cv.data.scenes import COMPOSED
from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.fill import Filling
from cv.train.network import COCO_IDS
from cv.whole_file import write_whole

__all__ = ["Dataset", "check_held_out", "read_dataset", "write_dataset"]

_DESCRIPTION = "data.yaml"
_LISTS = ("train.txt", "val.txt")
_REPEATS: dict[str, int] = {
    "storefront_goods": 5,
    "construction_waste": 5,
    "street_stall": 2,
    "barrier": 2,
    "cone": 2,
}
"""How often a training photo with such a label is listed: there are few of them."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set on disk.

    Attributes:
        yaml: ultralytics' description of it.
        ignore_sets: class id `len(LABELS) + k` in its labels is an ignore box for these labels.
    """

    yaml: Path
    ignore_sets: tuple[tuple[str, ...], ...]


def write_dataset(
    training: Sequence[Sample],
    fillings: Sequence[Filling],
    validation: Sequence[Sample],
    folder: Path,
    repeats: Mapping[str, int] = MappingProxyType({}),
) -> Dataset:
    """Write `data.yaml`, lists, label files and links to the photos below `folder`.

    Validation labels are as given; training labels have fillings and ignore boxes.

    Args:
        repeats: how often photos of a source are listed, times those for rare labels.
    """
    unknown = [_unknown(sample) for sample in training]
    singles = {(label,) for label in COCO_IDS}
    ignore_sets = tuple(sorted({*unknown, *singles} - {()}))
    number = {labels: len(LABELS) + k for k, labels in enumerate(ignore_sets)}
    listed: list[Path] = []
    for sample, filling, labels in zip(training, fillings, unknown, strict=True):
        rows = [yolo_row(b) for b in (*sample.boxes, *filling.sure)]
        rows += [yolo_row(b, number[b.label,]) for b in filling.unsure]
        if labels:
            rows.append(f"{number[labels]} 0.5 0.5 1 1\n")
        listed += [_write_sample(sample, rows, folder)] * _repeats(sample, repeats)
    _write_list(folder / _LISTS[0], listed)
    held = [_write_sample(s, [yolo_row(b) for b in s.boxes], folder) for s in validation]
    _write_list(folder / _LISTS[1], held)
    names = [*LABELS, *("ignore:" + "+".join(labels) for labels in ignore_sets)]
    description = {
        "path": str(folder.resolve()),
        "train": _LISTS[0],
        "val": _LISTS[1],
        "names": dict(enumerate(names)),
        "ignore_sets": [list(labels) for labels in ignore_sets],
    }
    # Written last: it says that the rest is complete.
    _write_description(folder / _DESCRIPTION, description)
    return Dataset(folder / _DESCRIPTION, ignore_sets)


def read_dataset(folder: Path) -> Dataset:
    """The data set written below `folder`, which may have been moved since.

    Raises:
        ModelError: there is none, it is damaged, or another version wrote it.
    """
    file, here = folder / _DESCRIPTION, str(folder.resolve())
    if not file.exists():
        raise ModelError(f"{file} is gone; train anew in another --run")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        ignore_sets = tuple(tuple(labels) for labels in description["ignore_sets"])
        if description["path"] != here:
            _move_lists(folder, description["path"])
            _write_description(file, description | {"path": here})
        return Dataset(file, ignore_sets)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file}: damaged, or not of this version; train anew in another --run"
        ) from error


def check_held_out(dataset: Dataset, held: Sequence[Sample], data: Path) -> None:
    """Whether a run's held-out photos are still those that it began with.

    Photos that came or went since may move others from one side to the other: then some would
    choose the best checkpoint that it was trained on.

    Args:
        data: the sources' folder, for the message.

    Raises:
        ModelError: they are not; names one that is on one list alone.
    """
    listing = dataset.yaml.with_name(_LISTS[1]).read_text(encoding="utf-8")
    began = {(link.parts[-3], link.stem) for link in map(Path, listing.splitlines())}
    if others := began ^ {(sample.source, sample.image.stem) for sample in held}:
        source, name = min(others)
        then = "was held out" if (source, name) in began else "was not held out"
        raise ModelError(
            f"{data}: its photos are others than when this run began: {source}/{name} {then} then; "
            "restore them, or train anew in another --run"
        )


def _move_lists(folder: Path, before: str) -> None:
    """Let the lists name photos where they are now; ultralytics wants whole paths."""
    for name in _LISTS:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        photos = [folder.resolve() / Path(line).relative_to(before) for line in lines]
        _write_list(folder / name, photos)


def _write_description(file: Path, description: Mapping[str, object]) -> None:
    # JSON is YAML, but for its escapes of rare characters, such as 𠮷.
    write_whole(file, json.dumps(description, indent=1, ensure_ascii=False).encode())


def _unknown(sample: Sample) -> tuple[str, ...]:
    """Labels that are neither complete in a photo, nor filled in, nor as good as absent."""
    known = sample.complete | sample.absent | COCO_IDS.keys()
    return tuple(x for x in LABELS if x not in known)


def _repeats(sample: Sample, of_sources: Mapping[str, int]) -> int:
    if sample.source == COMPOSED:
        return 1  # there are as many as the settings say
    rare = max((_REPEATS.get(box.label, 1) for box in sample.boxes), default=1)
    return rare * of_sources.get(sample.source, 1)


def _write_sample(sample: Sample, rows: Sequence[str], folder: Path) -> Path:
    """Ultralytics finds the labels of `.../images/x` in `.../labels/x`, so photos are linked.

    It goes by the last `images` of a path, which is ours here whatever a source is called, and it
    leaves out what has a suffix that it does not know, or none. It decodes by content.
    """
    of_source = folder.resolve() / "sources" / sample.source
    link = of_source / "images" / f"{sample.image.stem}.jpg"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(sample.image.resolve())
    labels = of_source / "labels" / f"{sample.image.stem}.txt"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text("".join(rows))
    return link


def _write_list(file: Path, images: Sequence[Path]) -> None:
    write_whole(file, "".join(f"{image}\n" for image in images).encode())
