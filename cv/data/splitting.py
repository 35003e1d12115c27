"""Which photos: of which source, how many of them, and which are held out."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from cv.data.samples import LabelledBox, Sample
from cv.errors import ModelError
from cv.labels import LABELS

__all__ = ["leave_out", "only", "share_of", "split", "spread", "why_unscored", "why_untrained"]

_SHARE = 0.12
"""Share of each label's boxes and of each source's photos that is held out."""
_MOST_OF_SOURCE = 0.5
"""What one group may be of its source's photos to be held out: nothing would be left to learn."""
_ENOUGH_BOXES = 10
"""A rare label gives up to a quarter of its boxes to reach this many."""


def only(samples: Sequence[Sample], source: str) -> list[Sample]:
    """Every photo of one source.

    Raises:
        ModelError: there is no such source.
    """
    _check_source(samples, source)
    return [sample for sample in samples if sample.source == source]


def leave_out(samples: Sequence[Sample], sources: Collection[str]) -> list[Sample]:
    """The training photos of all other sources.

    Raises:
        ModelError: there is no photo, no such source, or no other.
    """
    if why := why_untrained(samples):
        raise ModelError(why)
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


def split(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(training, validation), by whole groups.

    Groups are drawn in the order of a hash of their name, so the split depends on nothing else:
    first until each label has its share of boxes held out (rarest label first, boxes where the
    label is complete), then until each source has its share of photos. A group that is more than
    half of a source trains, and so does the last one of a label, unless that left nothing to hold
    out. What a build has decided stays so; what lies beside it is split by itself, but for groups
    that it has decided.
    """
    decided = {sample.group: sample.split for sample in samples if sample.split}
    free = [sample for sample in samples if sample.group not in decided]
    of_labels = [{s.group for s in free if _shows(s, label)} for label in LABELS]
    held = _draw(free, of_labels) or _draw(free, [])

    def is_held(sample: Sample) -> bool:
        part = sample.split or decided.get(sample.group)
        return part == "held_out" if part else sample.group in held

    return [s for s in samples if not is_held(s)], [s for s in samples if is_held(s)]


def why_untrained(training: Sequence[Sample]) -> str | None:
    """Why there is nothing to learn from: by itself, `split` always leaves something."""
    return (
        None if training else "no photo trains, for `split` in images.jsonl holds out all of them"
    )


def why_unscored(held: Sequence[Sample]) -> str | None:
    """Why these held-out photos can score no network, and so no checkpoint is the best one."""
    if not held:
        return (
            "no photo is held out, for no source has two groups or more "
            "(`kerbwatch data import --group-by`), or `split` in images.jsonl says that all train"
        )
    if not any(sample.complete for sample in held):
        return (
            f"of {len(held)} held-out photos none has a label of which every instance is boxed "
            "(`kerbwatch data import --complete`)"
        )
    if not any(box.label in sample.complete for sample in held for box in sample.boxes):
        return f"of {len(held)} held-out photos none has a box of a label that is complete in it"
    return None


def _shows(sample: Sample, label: str) -> bool:
    return any(box.label == label for box in sample.boxes)


def _draw(samples: Sequence[Sample], of_labels: Collection[set[str]]) -> set[str]:
    """The groups to hold out.

    Args:
        of_labels: sets of groups of which one is to train.
    """
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
        _hold_out(
            boxes,
            max(_SHARE * total, min(_ENOUGH_BOXES, total / 4)),
            held,
            but=most,
            of_labels=of_labels,
        )
    for photos in by_source.values():
        _hold_out(photos, _SHARE * photos.total(), held, but=most, of_labels=of_labels)
    return held


def _counts(sample: Sample, box: LabelledBox, label: str) -> bool:
    return box.label == label and label in sample.complete


def _hold_out(
    sizes: Counter[str],
    wanted: float,
    held: set[str],
    *,
    but: Collection[str],
    of_labels: Collection[set[str]],
) -> None:
    """Add groups to `held` until `wanted` of what `sizes` counts is in it; one group stays out.

    Args:
        but: groups that are not to be held out.
        of_labels: sets of groups of which one is to train.
    """
    taken = sum(n for group, n in sizes.items() if group in held)
    free = [group for group in _by_hash(sizes) if group not in held]
    allowed = [group for group in free if group not in but]
    for group in allowed if len(allowed) < len(free) else free[:-1]:
        if taken >= wanted:
            return
        if any(group in groups and groups <= held | {group} for groups in of_labels):
            continue
        held.add(group)
        taken += sizes[group]


def _by_hash(groups: Iterable[str]) -> list[str]:
    return sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest())
