"""What a reader finds in an export: photos with boxes that carry the export's own class names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cv.data.imports.below import of_suffix
from cv.errors import ModelError
from cv.geometry import Box, Point

__all__ = [
    "Imported",
    "NamedBox",
    "around_ellipse",
    "enclosing",
    "files_of",
    "stated_size",
    "turned",
]

Size = tuple[float, float]
"""Width, height."""


@dataclass(frozen=True, slots=True)
class NamedBox:
    """A box with the export's class name; in the unit of its photo's `size`, not yet clipped."""

    name: str
    box: Box


@dataclass(frozen=True, slots=True)
class Imported:
    """One photo of an export.

    Attributes:
        photo: its file.
        name: path below the folder of photos, with slashes.
        where: the export's file and line or key, for messages.
        size: width, height that the boxes refer to, upright; `UNIT` if they are in 0..1; None
            if the export does not state it: then the photo's own.
        others: the class of each shape that is left out, for it is no box (points, lines, crowds);
            None for one that has no class, and so may be anything.
        labelled: False if the export says nothing about the photo. That is not "no boxes".
    """

    photo: Path
    name: str
    where: str
    size: Size | None = None
    boxes: tuple[NamedBox, ...] = ()
    others: tuple[str | None, ...] = ()
    labelled: bool = True

    @property
    def names(self) -> frozenset[str]:
        """The classes of its shapes."""
        left_out = (name for name in self.others if name is not None)
        return frozenset((*(box.name for box in self.boxes), *left_out))


def stated_size(width: float, height: float) -> Size | None:
    """A size as stated; None for the zeros that some tools write."""
    return (width, height) if width > 0 and height > 0 else None


def enclosing(points: Sequence[Point]) -> Box:
    """The smallest upright box around at least one point."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(min(xs), min(ys), max(xs), max(ys))


def turned(box: Box, degrees: float, pivot: Point) -> Box:
    """The upright box around a box turned clockwise about a point, all in pixels."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2))
    offsets = [(x - pivot[0], y - pivot[1]) for x, y in corners]
    return enclosing(
        [(pivot[0] + x * cos - y * sin, pivot[1] + x * sin + y * cos) for x, y in offsets]
    )


def around_ellipse(centre: Point, radii: Point, degrees: float) -> Box:
    """The upright box around an ellipse turned about its middle, all in pixels."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = math.hypot(radii[0] * cos, radii[1] * sin)
    down = math.hypot(radii[0] * sin, radii[1] * cos)
    x, y = centre
    return Box(x - across, y - down, x + across, y + down)


def files_of(export: Path, suffix: str) -> list[Path]:
    """The export itself if it is a file, else all files with this suffix below it.

    Raises:
        ModelError: there is none.
    """
    if export.is_file():
        return [export]
    files = sorted(file for file in of_suffix(export, suffix) if file.is_file())
    if not files:
        raise ModelError(f"{export}: no {suffix} file there")
    return files
