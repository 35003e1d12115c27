"""The way into a house between two shops."""

from __future__ import annotations

import numpy as np

from cv.sim.assets.paints import BLACK, CONCRETE, GLASS, LAMP, STEEL, WHITE, chosen, shade
from cv.sim.mesh import Mesh, Paint

__all__ = ["side_entrance"]

_LEAVES = (
    Paint(0.05, 0.16, 0.1, 0.4), Paint(0.2, 0.05, 0.03, 0.4), Paint(0.07, 0.1, 0.2, 0.4),
    Paint(0.3, 0.31, 0.33, 0.4, 0.5),
)  # fmt: skip
_BAY = 0.45
"""Metres by which its bay of plain wall stands out; the shops' boards stand out less."""
_RECESS = 0.14
_TALL = 4.1


def side_entrance(rng: np.random.Generator) -> Mesh:
    """A steel door with two leaves in a bay of plain wall, under a canopy, a step up.

    The wall it is in lies along y at x = 0; the door looks along -x.
    """
    mesh = Mesh()
    wall, leaf = shade(Paint(0.46, 0.43, 0.38, 0.95), rng), shade(chosen(_LEAVES, rng), rng)
    for y in (-0.95, 0.95):
        mesh.box((_BAY, 0.5, 2.3), (-_BAY / 2, y, 0), wall)
    mesh.box((_BAY, 2.4, _TALL - 2.3), (-_BAY / 2, 0, 2.3), wall)
    face = -_BAY + _RECESS
    mesh.box((0.05, 1.4, 2.3), (face + 0.025, 0, 0), BLACK)
    for side in (-1, 1):
        mesh.box((0.06, 0.62, 2.05), (face - 0.03, side * 0.34, 0.15), leaf)
        mesh.box((0.02, 0.34, 0.55), (face - 0.07, side * 0.34, 1.35), GLASS)
        mesh.box((0.03, 0.4, 0.5), (face - 0.07, side * 0.34, 0.4), shade(leaf, rng))
        mesh.box((0.08, 0.03, 0.3), (face - 0.09, side * 0.07, 1.05), STEEL)
    mesh.box((0.9, 1.9, 0.15), (-_BAY - 0.45, 0, 0), CONCRETE)
    mesh.box((1.0, 2.2, 0.12), (-_BAY - 0.5, 0, 2.5), CONCRETE)
    mesh.box((0.03, 0.5, 0.28), (-_BAY - 0.02, -0.7, 1.85), Paint(0.02, 0.09, 0.42, 0.4))
    mesh.box((0.02, 0.36, 0.06), (-_BAY - 0.04, -0.7, 1.96), WHITE)
    mesh.box((0.04, 0.16, 0.3), (-_BAY - 0.02, 0.85, 1.2), STEEL)
    mesh.ball((-_BAY - 0.12, 0, 2.42), (0.09, 0.09, 0.06), LAMP)
    return mesh
