"""Reads source folders: all that is wrong with them is found, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cv.data.header import why_untaught
from cv.data.samples import LabelledBox, Sample, parse_box, parse_row
from cv.errors import ModelError

__all__ = ["Finding", "Kind", "read_folders", "read_sources"]


class Kind(StrEnum):
    """What can be wrong with a file, or with all of them together."""

    BAD_LINE = "bad line"
    MISSING = "missing photo"
    UNREADABLE = "unreadable photo"
    UNTAUGHT = "photo that training cannot take"
    UNLABELLED = "missing label file"
    SHARED = "shared label file"
    LEAK = "leak"
    UNSCORED = "nothing to validate with"
    UNTRAINED = "nothing to train on"
    NOT_LISTED = "photo not listed"
    STRAY = "label file without a photo"
    SAME = "same photo twice"
    BARE = "photo without a label file"

    @property
    def breaks(self) -> bool:
        """Whether training fails on it, or its numbers are not to be trusted."""
        return self not in (Kind.NOT_LISTED, Kind.STRAY, Kind.SAME, Kind.BARE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `where` is a file below the data, with its line, or "." for all."""

    kind: Kind
    where: str
    message: str


def read_sources(root: Path, *, only: Collection[str] | None = None) -> list[Sample]:
    """All photos of all sources below a folder, in a fixed order; boxes are clipped to the photo.

    Args:
        only: names of the sources to read; None is all.

    Raises:
        ModelError: there is no source, or names the file and line that cannot be used.
    """
    samples, findings = read_folders(root, only=only)
    for finding in findings:
        if finding.kind.breaks:
            raise ModelError(f"{root / finding.where}: {finding.message}")
    return [
        replace(sample, boxes=tuple(item.in_unit() for item in sample.boxes)) for sample in samples
    ]


def read_folders(
    root: Path, *, only: Collection[str] | None = None
) -> tuple[list[Sample], list[Finding]]:
    """All listed photos that exist, in a fixed order, and what is wrong with the folders.

    Boxes are as written: not clipped to the photo.

    Args:
        only: names of the sources to read; None is all.

    Raises:
        ModelError: there is no source.
    """
    listings = sorted(
        file for file in root.glob("*/images.jsonl") if only is None or file.parent.name in only
    )
    if not listings:
        raise ModelError(f"{root}: no source there; expected <source>/images.jsonl")
    reader = _Reader(root)
    samples = [sample for listing in listings for sample in reader.read(listing)]
    return sorted(samples, key=lambda sample: (sample.source, sample.image.name)), reader.findings


class _Reader:
    """Reads sources one by one and collects what is wrong with them."""

    def __init__(self, root: Path) -> None:
        self.findings: list[Finding] = []
        self._root = root

    def read(self, listing: Path) -> list[Sample]:
        folder = listing.parent
        samples: list[Sample] = []
        named: dict[str, str] = {}
        for number, line in self._lines(listing):
            try:
                sample = parse_row(line, folder)
            except ValueError as error:
                self._add(Kind.BAD_LINE, listing, str(error), number)
                continue
            image = sample.image
            if image.stem in named:
                message = f"{named[image.stem]} is listed before; one label file serves both"
                self._add(Kind.SHARED, listing, message, number)
                continue
            named[image.stem] = image.name
            if not _is_file(image):
                self._add(Kind.MISSING, listing, f"images/{image.name} does not exist", number)
                continue
            if why := why_untaught(image):
                self._add(Kind.UNTAUGHT, listing, f"images/{image.name} {why}", number)
            file = folder / "labels" / f"{image.stem}.txt"
            if _is_file(file):
                samples.append(self._with_boxes(sample, file))
            else:
                self._miss_labels(sample, listing, number)
                samples.append(sample)
        self._look_for_strays(folder, named)
        return samples

    def _miss_labels(self, sample: Sample, listing: Path, number: int) -> None:
        file = f"labels/{sample.image.stem}.txt"
        if sample.complete or sample.absent:
            message = f"{file} does not exist; make an empty one if there is nothing in the photo"
            self._add(Kind.UNLABELLED, listing, message, number)
        else:  # nothing is taught or scored as absent in it
            self._add(Kind.BARE, listing, f"{file} does not exist", number)

    def _with_boxes(self, sample: Sample, file: Path) -> Sample:
        boxes: list[LabelledBox] = []
        for number, line in self._lines(file):
            try:
                if line.strip():
                    boxes.append(parse_box(line))
            except ValueError as error:
                self._add(Kind.BAD_LINE, file, str(error), number)
        return replace(sample, boxes=tuple(boxes))

    def _look_for_strays(self, folder: Path, named: dict[str, str]) -> None:
        listed = set(named.values())
        for image in sorted((folder / "images").glob("*")):
            if image.name not in listed and not image.name.startswith("."):
                self._add(Kind.NOT_LISTED, image, "images.jsonl does not name it")
        for file in sorted((folder / "labels").glob("*.txt")):
            if file.stem not in named:
                self._add(Kind.STRAY, file, "images.jsonl names no such photo")

    def _lines(self, file: Path) -> Iterator[tuple[int, str]]:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self._add(Kind.BAD_LINE, file, "not UTF-8 text")
            return
        except OSError as error:
            self._add(Kind.BAD_LINE, file, f"cannot be read: {error.strerror}")
            return
        yield from enumerate(lines, start=1)

    def _add(self, kind: Kind, file: Path, message: str, line: int | None = None) -> None:
        where = str(file.relative_to(self._root)) + (f":{line}" if line else "")
        self.findings.append(Finding(kind, where, message))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False
