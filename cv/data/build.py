"""`kerbwatch data build`: one data set from any number of sources, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cv.data.annotations import Annotation, annotate, read_annotations
from cv.data.new_folder import new_folder
from cv.data.reading import read_sources
from cv.data.samples import LabelledBox, Sample, read_image, yolo_row
from cv.data.sources import SourceFile, read_source_files
from cv.data.splitting import split
from cv.errors import ModelError, UserError
from cv.labels import LABELS
from cv.likeness import difference_hash, near_pairs

__all__ = ["Build", "build_data"]

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Build:
    """What a build made.

    Attributes:
        photos: (training, held out) per source.
        boxes: (training, held out) per label.
        dropped: training photos that nearly equal a held-out one, as `source/name`.
        sha256: of the manifest, which names every file's own.
    """

    out: Path
    photos: dict[str, tuple[int, int]]
    boxes: dict[str, tuple[int, int]]
    dropped: tuple[str, ...]
    sha256: str


def build_data(sources: Path, data: Path, out: Path) -> Build:
    """Write the data set to `out`, whole or not at all.

    Args:
        sources: folder of source files, and of annotations (`<name>.boxes.jsonl`) beside them; only
            what the source files name takes part.
        data: folder of the sources' photos and labels.

    Raises:
        ModelError: a source file, a source or its annotations cannot be used.
        UserError: `out` exists.
    """
    if out.exists():  # said before photos are read
        raise UserError(f"{out} exists; name a new folder")
    files = read_source_files(sources)
    samples = _read(files, data)
    annotations = {file.name: _annotations(sources, file, samples) for file in files}
    # Split first: what is drawn later must never move a photo from training to the held-out ones.
    training, held = split(samples)
    training, dropped = _without_leaks(training, held)
    training, held = (
        [annotate(sample, annotations[sample.source]) for sample in part]
        for part in (training, held)
    )
    with new_folder(out) as part:
        _write_samples(training, "train", part)
        _write_samples(held, "held_out", part)
        _write_text(part / "labels.txt", "".join(f"{label}\n" for label in LABELS))
        _write_text(part / "LICENCES.md", _licences(files))
        manifest = _manifest(files, [*training, *held], dropped, part)
        _write_text(part / _MANIFEST, manifest)
    return Build(
        out,
        _photos(files, training, held),
        _boxes(training, held),
        dropped,
        hashlib.sha256(manifest.encode()).hexdigest(),
    )


def _read(files: Sequence[SourceFile], data: Path) -> list[Sample]:
    by_name = {file.name: file for file in files}
    samples = read_sources(data, only=by_name.keys())
    missing = sorted(by_name.keys() - {sample.source for sample in samples})
    if missing:
        raise ModelError(f"{data}/{missing[0]}: no photos there, though a source file names it")
    return [_mapped(sample, by_name[sample.source]) for sample in samples]


def _annotations(
    sources: Path, source: SourceFile, samples: Sequence[Sample]
) -> dict[str, Annotation]:
    file = sources / f"{source.name}.boxes.jsonl"
    annotations = read_annotations(file)
    known = {sample.image.name for sample in samples if sample.source == source.name}
    for image in annotations:
        if image not in known:
            raise ModelError(f"{file}: {image}: the source has no such photo")
    return annotations


def _mapped(sample: Sample, source: SourceFile) -> Sample:
    boxes = tuple(
        LabelledBox(label, item.box)
        for item in sample.boxes
        if (label := source.label(item.label)) is not None
    )
    # A label that another one was renamed from or into is no longer boxed exhaustively.
    renamed = {*source.rename, *source.rename.values()}
    return replace(
        sample,
        boxes=boxes,
        complete=sample.complete - renamed,
        absent=(sample.absent | source.absent) - sample.complete,
        horizon=sample.horizon if source.horizon is None else source.horizon,
    )


def _without_leaks(
    training: Sequence[Sample], held: Sequence[Sample]
) -> tuple[list[Sample], tuple[str, ...]]:
    """Training photos that nearly equal a held-out one are left out: their groups were wrong."""
    first, second = (
        [difference_hash(read_image(s.image)) for s in part] for part in (training, held)
    )
    leaks = {i for i, _ in near_pairs(first, second)}
    kept = [sample for i, sample in enumerate(training) if i not in leaks]
    return kept, tuple(sorted(_name(training[i]) for i in leaks))


def _name(sample: Sample) -> str:
    return f"{sample.source}/{sample.image.name}"


def _write_samples(samples: Sequence[Sample], part: str, out: Path) -> None:
    for sample in samples:
        folder = out / sample.source
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "labels").mkdir(exist_ok=True)
        shutil.copyfile(sample.image, folder / "images" / sample.image.name)
        rows = "".join(map(yolo_row, sample.boxes))
        _write_text(folder / "labels" / f"{sample.image.stem}.txt", rows)
        line = {
            "image": sample.image.name,
            "group": sample.group.removeprefix(f"{sample.source}/"),
            "complete": sorted(sample.complete, key=LABELS.index),
            "absent": sorted(sample.absent, key=LABELS.index),
            "mistaken": [yolo_row(item).strip() for item in sample.mistaken],
            "split": part,
            "horizon": sample.horizon,
        }
        with (folder / "images.jsonl").open("a", encoding="utf-8") as listing:
            listing.write(json.dumps(line, ensure_ascii=False) + "\n")


def _manifest(
    files: Sequence[SourceFile], samples: Sequence[Sample], dropped: Sequence[str], out: Path
) -> str:
    document: dict[str, Any] = {
        "labels": list(LABELS),
        "sources": [_described(file) for file in files],
        "photos": len(samples),
        "dropped": list(dropped),
        "sha256": {
            str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(out.rglob("*"))
            if file.is_file()
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _described(file: SourceFile) -> dict[str, Any]:
    # Sets have no order of their own, and the manifest's bytes must not depend on it.
    return {**file.model_dump(mode="json"), "absent": sorted(file.absent)}


def _licences(files: Sequence[SourceFile]) -> str:
    lines = ["# Licences, as the sources state them\n", "\n"]
    lines += [
        f"- `{f.name}`: {f.licence}; {f.upstream} {f.commit[:12]}".rstrip() + "\n" for f in files
    ]
    return "".join(lines)


def _photos(
    files: Sequence[SourceFile], training: Sequence[Sample], held: Sequence[Sample]
) -> dict[str, tuple[int, int]]:
    counts = [Counter(sample.source for sample in part) for part in (training, held)]
    return {file.name: (counts[0][file.name], counts[1][file.name]) for file in files}


def _boxes(training: Sequence[Sample], held: Sequence[Sample]) -> dict[str, tuple[int, int]]:
    counts = [Counter(item.label for s in part for item in s.boxes) for part in (training, held)]
    return {label: (counts[0][label], counts[1][label]) for label in LABELS}


def _write_text(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
