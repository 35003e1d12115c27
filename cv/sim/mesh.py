"""Shapes of simulated things, made of numbers: boxes, tubes, balls and lofts with a paint each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Mesh", "Paint", "Points"]

Points = npt.NDArray[np.float64]
Place = tuple[float, float, float]


class Paint(NamedTuple):
    """A surface. Colours are linear 0..1 (not sRGB).

    Attributes:
        rough: 0 is a mirror, 1 is chalk.
        glow: light that it gives off itself, in W/m² and sr.
    """

    red: float
    green: float
    blue: float
    rough: float = 0.6
    metal: float = 0.0
    glow: float = 0.0


@dataclass(slots=True)
class Mesh:
    """Faces of one thing, in metres, with one paint per face."""

    vertices: list[Place] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    paints: list[Paint] = field(default_factory=list)
    smooth: list[bool] = field(default_factory=list)

    def add(
        self, points: Points, faces: Sequence[Sequence[int]], paint: Paint, *, smooth: bool = False
    ) -> None:
        """Faces are indices into `points` [N, 3], anticlockwise from outside."""
        first = len(self.vertices)
        self.vertices += [(float(x), float(y), float(z)) for x, y, z in points]
        self.faces += [tuple(first + index for index in face) for face in faces]
        self.paints += [paint] * len(faces)
        self.smooth += [smooth] * len(faces)

    def join(self, other: Mesh, at: Place = (0, 0, 0), turn: float = 0.0, size: float = 1) -> None:
        """Add all of another mesh, turned by degrees about the vertical, then moved."""
        points = _turned(size * np.array(other.vertices, dtype=np.float64).reshape(-1, 3), turn)
        first = len(self.vertices)
        self.vertices += [(float(x), float(y), float(z)) for x, y, z in points + at]
        self.faces += [tuple(first + index for index in face) for face in other.faces]
        self.paints += other.paints
        self.smooth += other.smooth

    def box(self, size: Place, at: Place, paint: Paint, turn: float = 0.0) -> None:
        """A box of width, length, height whose bottom's centre is `at`."""
        self.taper(size, (size[0], size[1]), at, paint, turn=turn)

    def taper(
        self, size: Place, top: tuple[float, float], at: Place, paint: Paint, *,
        turn: float = 0.0, lean: float = 0.0,
    ) -> None:  # fmt: skip
        """A box whose top is of another size, and moved along y by `lean`."""
        (w, d, h), (u, v) = size, top
        points = [(x * w / 2, y * d / 2, 0.0) for x, y in _SQUARE]
        points += [(x * u / 2, y * v / 2 + lean, h) for x, y in _SQUARE]
        sides = [(i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4) for i in range(4)]
        corners = _turned(np.array(points), turn) + at
        self.add(corners, [(3, 2, 1, 0), (4, 5, 6, 7), *sides], paint)

    def tube(
        self, start: Place, end: Place, radius: float, paint: Paint, *,
        end_radius: float | None = None, sides: int = 12,
    ) -> None:  # fmt: skip
        """A capped cylinder, or a cone, from one point to another."""
        a, b = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
        along = (b - a) / np.linalg.norm(b - a)
        across = np.cross(along, (1.0, 0, 0) if abs(along[0]) < 0.9 else (0, 1.0, 0))
        across /= np.linalg.norm(across)
        other = np.cross(along, across)
        angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        ring = np.outer(np.cos(angles), across) + np.outer(np.sin(angles), other)
        last = radius if end_radius is None else end_radius
        self.loft([a + radius * ring, b + last * ring], paint)

    def loft(self, rings: Sequence[Points], paint: Paint, *, smooth: bool = True) -> None:
        """A closed skin over rings of equally many points, anticlockwise as seen from the end."""
        count = len(rings[0])
        around = [
            (r * count + i, r * count + (i + 1) % count,
             (r + 1) * count + (i + 1) % count, (r + 1) * count + i)
            for r in range(len(rings) - 1)
            for i in range(count)
        ]  # fmt: skip
        points = np.concatenate(rings)
        self.add(points, around, paint, smooth=smooth)
        last = (len(rings) - 1) * count
        self.add(rings[0], [tuple(reversed(range(count)))], paint)
        self.add(points[last:], [tuple(range(count))], paint)

    def ball(
        self, at: Place, radii: Place, paint: Paint, *,
        rng: np.random.Generator | None = None, rough: float = 0.0, sides: int = 10,
    ) -> None:  # fmt: skip
        """An ellipsoid; with `rng`, its surface is moved by up to a share `rough` of its size."""
        levels = np.linspace(-0.47, 0.47, max(4, sides // 2 + 1)) * np.pi
        angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
        rings = []
        for level in levels:
            ring = np.column_stack(
                [np.cos(level) * np.cos(angles), np.cos(level) * np.sin(angles),
                 np.full(sides, np.sin(level))]
            )  # fmt: skip
            if rng is not None:
                ring *= 1 + rough * rng.uniform(-1, 1, (sides, 1))
            rings.append(ring * radii + at)
        self.loft(rings, paint)

    def fitted(self, size: Place) -> Mesh:
        """The same, stretched so that it fills width, length, height above the ground exactly."""
        points = np.array(self.vertices)
        low, high = points.min(axis=0), points.max(axis=0)
        points = (points - (*((low + high) / 2)[:2], low[2])) * (np.array(size) / (high - low))
        vertices = [(float(x), float(y), float(z)) for x, y, z in points]
        return Mesh(vertices, self.faces, self.paints, self.smooth)


_SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _turned(points: Points, degrees: float) -> Points:
    """About the vertical, anticlockwise from above."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned: Points = points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return turned
