"""Composed photos for rare labels: the same training photos and seed give the same scenes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from cv.data.compose import FRONT, goods_row, place, spot_on_ground
from cv.data.cutting import Cut, cut_heap
from cv.data.material import goods, rubble, things
from cv.data.samples import LabelledBox, Sample, read_image
from cv.geometry import Box, Image, intersection

__all__ = ["COMPOSED", "Scene", "compose_scenes", "is_hidden"]

_HORIZON = 0.45
"""Where the ground begins in most photos of streets."""
COMPOSED = "composed"
"""The source of composed photos."""
_SURROUNDINGS = frozenset({"construction_waste", "garbage_heap"})
"""A photo with such a label lies about in what it shows: nothing more is set onto it."""
_HIDDEN = 0.7

Rng = np.random.Generator


@dataclass(slots=True)
class _Street:
    """A training photo that things are set onto, in place.

    Attributes:
        taken: boxes of what stands there, in pixels.
        horizon: share of the height above which nothing stands on the ground.
    """

    photo: Image
    taken: list[Box]
    horizon: float
    rng: Rng

    def set(self, cut: Cut) -> list[Box]:
        """Set a thing somewhere on the ground, if there is room."""
        height, width = self.photo.shape[:2]
        aspect = cut.image.shape[1] / cut.image.shape[0]
        spot = spot_on_ground(
            (width, height), self.taken, self.rng, aspect=aspect, horizon=self.horizon
        )
        box = place(self.photo, cut, spot, self.rng) if spot else None
        if box is None:
            return []
        self.taken.append(box)
        return [box]


Make = Callable[[_Street], list[Box]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A composed photo.

    Attributes:
        background: index of the training photo below.
        covers: boxes (0..1) of what was set onto it.
    """

    sample: Sample
    background: int
    covers: tuple[Box, ...]


def compose_scenes(
    training: Sequence[Sample], counts: dict[str, int], folder: Path, *, seed: int
) -> list[Scene]:
    """Write composed photos below `folder`, and print how many.

    Args:
        counts: how many photos to try per label: construction_waste, storefront_goods,
            street_stall, garbage_heap. A photo without room for anything is left out, a label
            of which there is no material too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    stalls = things(training, "street_stall", rng)
    material: dict[str, tuple[Callable[..., list[Box]], Sequence[Any]]] = {
        "construction_waste": (_heaps, rubble(training)),
        "storefront_goods": (_goods, goods(training, stalls, rng)),
        "street_stall": (_things, stalls),
        "garbage_heap": (_things, things(training, "garbage_heap", rng)),
    }
    scenes: list[Scene] = []
    made: list[str] = []
    for kind, (label, (make_of, pieces)) in enumerate(material.items()):
        streets = _streets(training, fronts=label == "storefront_goods")
        before = len(scenes)
        make = partial(make_of, pieces)
        for number in range(counts.get(label, 0) if pieces and streets else 0):
            own = np.random.default_rng([seed, kind, number])
            of_source = streets[int(own.integers(len(streets)))]
            background = of_source[int(own.integers(len(of_source)))]
            image = folder / f"{label}-{number:04d}.webp"
            sample, covers = _compose(training[background], label, make, image, own)
            if covers:
                scenes.append(Scene(sample, background, covers))
        if counts.get(label):
            made.append(f"{label} {len(scenes) - before or _why_none(pieces, streets)}")
    if made:
        Console().print(f"photos composed: {', '.join(made)}", soft_wrap=True)
    return scenes


def _why_none(pieces: Sequence[Any], streets: Sequence[Any]) -> str:
    if not pieces:
        return "none (no photo to cut it out of)"
    if not streets:
        return "none (no photo to set it onto; see horizon in datasets/README.md)"
    return "none (no room for it)"


def _compose(
    below: Sample, label: str, make: Make, image: Path, rng: Rng
) -> tuple[Sample, tuple[Box, ...]]:
    photo = read_image(below.image).copy()
    height, width = photo.shape[:2]
    taken = [_scaled(item.box, width, height) for item in below.boxes]
    added = make(_Street(photo, taken, _horizon(below), rng))
    if not added:
        return below, ()
    covers = tuple(_scaled(box, 1 / width, 1 / height) for box in added)
    kept = tuple(item for item in below.boxes if not is_hidden(item.box, covers))
    new = tuple(LabelledBox(label, box) for box in covers)
    cv2.imwrite(str(image), photo, [cv2.IMWRITE_WEBP_QUALITY, int(rng.integers(60, 95))])
    sample = replace(
        below,
        image=image,
        source=COMPOSED,
        group=f"composed/{below.group}",
        boxes=(*kept, *new),
    )
    return sample, covers


def is_hidden(box: Box, covers: Sequence[Box]) -> bool:
    """Whether something set in front hides most of a box."""
    return any(intersection(box, cover) > _HIDDEN * box.area for cover in covers)


def _heaps(materials: Sequence[Image], street: _Street) -> list[Box]:
    """One heap of rubble, sometimes two."""
    found: list[Box] = []
    for _ in range(1 + int(street.rng.random() < 0.3)):
        material = materials[int(street.rng.integers(len(materials)))]
        found += street.set(cut_heap(material, street.rng))
    return found


def _things(cuts: Sequence[Cut], street: _Street) -> list[Box]:
    """One to three cut-out things."""
    found: list[Box] = []
    for _ in range(int(street.rng.integers(1, 4))):
        cut = cuts[int(street.rng.integers(len(cuts)))]
        found += street.set(_mirrored(cut) if street.rng.random() < 0.5 else cut)
    return found


def _goods(cuts: Sequence[Cut], street: _Street) -> list[Box]:
    """A row of goods along a shop front. Of few kinds: a shop sells one thing."""
    kinds = [cuts[int(i)] for i in street.rng.integers(len(cuts), size=3)]
    return goods_row(street.photo, kinds, street.rng)


def _mirrored(cut: Cut) -> Cut:
    return Cut(np.ascontiguousarray(cut.image[:, ::-1]), np.ascontiguousarray(cut.alpha[:, ::-1]))


def _streets(training: Sequence[Sample], *, fronts: bool) -> list[list[int]]:
    """Indices of photos to set things onto, per source, so that each source serves as often."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(training):
        if _is_street(sample) and (not fronts or _horizon(sample) >= FRONT):
            found[sample.source].append(index)
    return [found[source] for source in sorted(found)]


def _is_street(sample: Sample) -> bool:
    """Whether things may be set onto a photo; never where a reviewer said what is not there."""
    is_free = not _SURROUNDINGS & {item.label for item in sample.boxes}
    return is_free and not sample.mistaken and _horizon(sample) < 1


def _horizon(sample: Sample) -> float:
    return _HORIZON if sample.horizon is None else sample.horizon


def _scaled(box: Box, x: float, y: float) -> Box:
    return Box(box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y)
