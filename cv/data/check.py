"""`kerbwatch data check`: what is in the labelled photos, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cv.data.counts import LabelCount, SourceCount, count_labels, count_sources
from cv.data.reading import Finding, Kind, read_folders
from cv.data.samples import Sample, read_image
from cv.data.splitting import split, why_unscored, why_untrained
from cv.data.suspicious import Suspicious, suspicious_boxes
from cv.errors import ModelError
from cv.likeness import difference_hash, near_pairs

__all__ = ["Checked", "check_data", "photo_name"]


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Attributes:
        samples: photos that can be read; boxes as written.
        findings: wrong files.
        suspicious: boxes to look at.
    """

    root: Path
    samples: tuple[Sample, ...]
    labels: tuple[LabelCount, ...]
    sources: tuple[SourceCount, ...]
    findings: tuple[Finding, ...]
    suspicious: tuple[Suspicious, ...]

    @property
    def usable(self) -> bool:
        """Nothing is wrong that breaks training or its numbers."""
        return not any(finding.kind.breaks for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "data": str(self.root),
            "usable": self.usable,
            "labels": [asdict(row) for row in self.labels],
            "sources": [asdict(row) for row in self.sources],
            "findings": [
                {
                    "kind": item.kind.value,
                    "breaks": item.kind.breaks,
                    "where": item.where,
                    "message": item.message,
                }
                for item in self.findings
            ],
            "suspicious": [
                {
                    "doubt": item.doubt.value,
                    "photo": photo_name(item.sample),
                    "label": item.label,
                    "box": [round(edge, 4) for edge in item.box],
                    "measure": item.measure,
                }
                for item in self.suspicious
            ],
        }


@dataclass(frozen=True, slots=True)
class _Look:
    """What one decoding of a photo tells."""

    size: tuple[int, int]
    difference_hash: int
    sha256: str


def check_data(root: Path) -> Checked:
    """Read every file and every photo below a folder of sources.

    Raises:
        ModelError: there is no source.
    """
    listed, findings = read_folders(root)
    looks: dict[Path, _Look] = {}
    for sample in listed:
        try:
            looks[sample.image] = _look(sample.image)
        except (ModelError, OSError):
            where = f"{sample.source}/images/{sample.image.name}"
            findings.append(Finding(Kind.UNREADABLE, where, "not an image that can be decoded"))
    samples = tuple(sample for sample in listed if sample.image in looks)
    training, held = split(samples)
    findings += _leaks(training, held, looks)
    findings += _same(samples, looks)
    if held and (why := why_untrained(training)):
        findings.append(Finding(Kind.UNTRAINED, ".", why))
    if why := why_unscored(held):
        findings.append(Finding(Kind.UNSCORED, ".", why))
    sizes = {image: look.size for image, look in looks.items()}
    suspicious = [s for sample in samples for s in suspicious_boxes(sample, sizes[sample.image])]
    return Checked(
        root,
        samples,
        tuple(count_labels(samples, held, sizes)),
        tuple(count_sources(samples, held)),
        tuple(findings),
        tuple(sorted(suspicious, key=lambda item: item.doubt)),
    )


def photo_name(sample: Sample) -> str:
    return f"{sample.source}/{sample.image.name}"


def _look(file: Path) -> _Look:
    image = read_image(file)
    height, width = image.shape[:2]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return _Look((width, height), difference_hash(image), digest)


def _leaks(
    training: Sequence[Sample], held: Sequence[Sample], looks: dict[Path, _Look]
) -> Iterator[Finding]:
    first, second = ([looks[s.image].difference_hash for s in part] for part in (training, held))
    for i, j in near_pairs(first, second):
        message = f"trains, but nearly equals {photo_name(held[j])}, which is held out"
        yield Finding(Kind.LEAK, photo_name(training[i]), message)


def _same(samples: Sequence[Sample], looks: dict[Path, _Look]) -> Iterator[Finding]:
    by_digest: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_digest[looks[sample.image].sha256].append(sample)
    for first, *others in by_digest.values():
        for other in others:
            yield Finding(Kind.SAME, photo_name(other), f"the same file as {photo_name(first)}")
