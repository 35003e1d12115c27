"""What the simulated camera sees at a moment: boxes, and how much of each is hidden."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np

from cv.data.samples import LabelledBox, yolo_row
from cv.geometry import Box, intersection
from cv.sim.lens import Points
from cv.sim.scenario import Passers, Scenario

__all__ = ["SEEN_BELOW", "SIZES", "Present", "Scene", "Seen", "inside", "size_of"]

SIZES: dict[str, tuple[float, float, float]] = {
    "street_stall": (1.8, 1.2, 2.1),
    "storefront_goods": (2.4, 1.0, 0.8),
    "construction_waste": (3.0, 2.2, 1.0),
    "garbage_heap": (1.6, 1.2, 0.7),
    "person": (0.5, 0.4, 1.7),
    "bicycle": (0.6, 1.7, 1.1),
    "motorcycle": (0.7, 1.9, 1.2),
    "tricycle": (1.1, 2.6, 1.6),
    "car": (1.8, 4.5, 1.5),
    "truck": (2.3, 7.0, 2.8),
    "bus": (2.5, 11.0, 3.1),
    "cone": (0.4, 0.4, 0.75),
    "barrier": (2.0, 0.5, 1.1),
}
"""Width, length, height in metres of usual ones (a car: GB/T 3730.3 class M1; a lane's 3.5 m)."""

_SHAPE_SIZES = {("street_stall", "mat"): (2.0, 1.7, 1.2)}
"""Of shapes that are not as large as their kind usually is."""

SEEN_BELOW = 2 / 3
"""What is hidden by less than this can be seen."""
_NEAREST_M = 0.5
_LEAST_INSIDE = 0.3
_GRID = 16
_CAST = 5
"""Passers of a kind that look different."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in the picture.

    Attributes:
        name: the thing's id; a passer's is `passer-<n>`.
        box: around all of it that is inside the picture, hidden or not, in pixels.
        hidden: share of the box that nearer things cover.
    """

    name: str
    label: str
    box: Box
    hidden: float

    def row(self, size: tuple[int, int]) -> str:
        """Its line of a YOLO label file, in a picture of this (width, height)."""
        width, height = size
        x1, y1, x2, y2 = self.box
        part = Box(x1 / width, y1 / height, x2 / width, y2 / height)
        return yolo_row(LabelledBox(self.label, part))


@dataclass(frozen=True, slots=True)
class Present:
    """A thing at a moment.

    Attributes:
        x, y: in metres on the ground.
        turn: degrees about the vertical, anticlockwise from above; 0 faces away, along y.
        look: seed of what it looks like.
        shape: one of the kind's `cv.sim.scenario.SHAPES`, or any.
        walked_m: how far it has come, while it moves; None while it stands.
    """

    name: str
    kind: str
    x: float
    y: float
    turn: float
    look: int
    walked_m: float | None = None
    shape: str | None = None

    def corners(self) -> Points:
        """Of the upright box around it, [8, 3]: four on the ground, four above them."""
        width, length, height = size_of(self.kind, self.shape)
        x, y = np.meshgrid([-width / 2, width / 2], [-length / 2, length / 2])
        turn = np.radians(self.turn)
        cos, sin = np.cos(turn), np.sin(turn)
        flat = np.column_stack([x.ravel(), y.ravel()]) @ np.array([[cos, sin], [-sin, cos]])
        flat += (self.x, self.y)
        return np.vstack([np.column_stack([flat, np.full(4, z)]) for z in (0.0, height)])


@dataclass(frozen=True, slots=True)
class _Walk:
    """One passer's way."""

    passers: Passers
    start_s: float

    @property
    def lasts_s(self) -> float:
        return math.dist(self.passers.start, self.passers.end) / self.passers.speed

    def place(self, time_s: float) -> tuple[float, float] | None:
        """Where the passer is, or None before and after."""
        share = (time_s - self.start_s) / self.lasts_s if self.lasts_s else 1.0
        if not 0 <= share < 1:
            return None
        (x1, y1), (x2, y2) = self.passers.start, self.passers.end
        return x1 + share * (x2 - x1), y1 + share * (y2 - y1)


class Scene:
    """A scenario under way.

    Attributes:
        lens: of the camera before anything bumped it; its zones are drawn in this view.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.lens = scenario.camera.lens()
        rng = np.random.default_rng(scenario.seed)
        walks = [_Walk(p, start) for p in scenario.passers for start in _starts(p, scenario, rng)]
        self._walks = sorted(walks, key=lambda walk: walk.start_s)
        self._starts = [walk.start_s for walk in self._walks]
        self._longest_s = max((walk.lasts_s for walk in walks), default=0.0)
        self._phases = rng.uniform(0, 2 * np.pi, 4)

    def seen(self, time_s: float) -> list[Seen]:
        """Everything in the picture, nearest first, while nothing bumps the camera.

        Args:
            time_s: seconds since the scenario's start.
        """
        shift = self.sway(time_s)
        boxes = []
        for thing in self.present(time_s):
            corners = thing.corners()
            depth = float(self.lens.depth(corners).min())
            box = self._box(corners, shift) if depth > _NEAREST_M else None
            if box:
                boxes.append((depth, thing, box))
        boxes.sort(key=lambda row: (row[0], row[1].name))
        return [
            Seen(thing.name, thing.kind, box, _hidden(box, [b for _, _, b in boxes[:place]]))
            for place, (_, thing, box) in enumerate(boxes)
        ]

    def present(self, time_s: float) -> Iterator[Present]:
        """Everything on the street, also out of the picture, in no order."""
        seed = self.scenario.seed
        for thing in self.scenario.things:
            if not self.scenario.is_there(thing, time_s):
                continue
            look = crc32(f"{seed} {thing.id}".encode())
            if thing.path:
                x, y, ahead, walked = _on_path(thing.path, time_s)
                turn = thing.turn + ahead
                yield Present(thing.id, thing.kind, x, y, turn, look, walked, thing.shape)
            elif thing.at:
                yield Present(thing.id, thing.kind, *thing.at, thing.turn, look, None, thing.shape)
        first = bisect_left(self._starts, time_s - self._longest_s)
        for number in range(first, bisect_right(self._starts, time_s)):
            walk = self._walks[number]
            place = walk.place(time_s)
            if place:
                passers = walk.passers
                look = crc32(f"{seed} {passers.kind} {number % _CAST}".encode())
                ahead = _heading(passers.start, passers.end)
                walked = (time_s - walk.start_s) * passers.speed
                yield Present(f"passer-{number}", passers.kind, *place, ahead, look, walked)

    def _box(self, corners: Points, shift: Points) -> Box | None:
        """The part inside the picture, unless too little of it is."""
        return inside(self.lens.project(corners) + shift, self.lens.size)

    def sway(self, time_s: float) -> Points:
        """Pixels [2] that wind moves the picture by: two slow waves on each axis, as of a pole."""
        slow, fast = 2 * np.pi * time_s / 3.1, 2 * np.pi * time_s / 0.83
        a, b, c, d = self._phases
        x = 0.7 * np.sin(slow + a) + 0.3 * np.sin(fast + b)
        y = 0.7 * np.sin(slow * 0.8 + c) + 0.3 * np.sin(fast * 1.1 + d)
        return self.scenario.camera.sway * np.array([x, y])


def size_of(kind: str, shape: str | None) -> tuple[float, float, float]:
    """Width, length, height in metres."""
    return _SHAPE_SIZES.get((kind, shape or ""), SIZES[kind])


def _starts(passers: Passers, scenario: Scenario, rng: np.random.Generator) -> Iterator[float]:
    """Moments at which one sets out: `every` on average, never in step."""
    time = passers.since + rng.uniform(0, passers.every)
    while time < scenario.end_of(passers):
        yield time
        time += passers.every * rng.uniform(0.4, 1.6)


def _on_path(
    path: Sequence[tuple[float, float, float]], time_s: float
) -> tuple[float, float, float, float | None]:
    """x, y, degrees that it faces, and metres come; None while it stands."""
    walked, ahead = 0.0, 0.0
    for (t1, x1, y1), (t2, x2, y2) in pairwise(path):
        length = math.dist((x1, y1), (x2, y2))
        ahead = _heading((x1, y1), (x2, y2)) if length else ahead
        if t1 <= time_s < t2:
            share = (time_s - t1) / (t2 - t1)
            x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
            return x, y, ahead, walked + share * length if length else None
        walked += length
    return *path[-1][1:], ahead, None


def _heading(start: tuple[float, float], end: tuple[float, float]) -> float:
    return math.degrees(math.atan2(start[0] - end[0], end[1] - start[1]))


def inside(outline: Points, size: tuple[int, int]) -> Box | None:
    """The box around points [N, 2] as far as it is in the picture, unless too little of it is."""
    whole = Box(*map(float, (*outline.min(axis=0), *outline.max(axis=0))))
    width, height = size
    part = Box(max(0.0, whole.x1), max(0.0, whole.y1), min(width, whole.x2), min(height, whole.y2))
    if part.width <= 0 or part.height <= 0 or part.area < _LEAST_INSIDE * whole.area:
        return None
    return part


def _hidden(box: Box, nearer: Sequence[Box]) -> float:
    """Share of a box that the others cover, on a grid."""
    others = [other for other in nearer if intersection(box, other) > 0]
    if not others:
        return 0.0
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = box.x1 + steps * box.width, box.y1 + steps * box.height
    covered = np.zeros((_GRID, _GRID), dtype=np.bool_)
    for other in others:
        inside_x, inside_y = (x >= other.x1) & (x < other.x2), (y >= other.y1) & (y < other.y2)
        covered |= inside_y[:, None] & inside_x[None]
    return float(covered.mean())
