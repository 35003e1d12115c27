"""People, standing or in a stride. They face away, along y."""

from __future__ import annotations

import numpy as np

from cv.sim.assets.paints import BLACK, CLOTH, SKIN, chosen, shade
from cv.sim.mesh import Mesh, Paint, Points

__all__ = ["person"]


_SEAT = 0.52
"""Metres by which somebody who sits on a low stool is lower."""


def person(rng: np.random.Generator, stride: float = 0.0, *, sits: bool = False) -> Mesh:
    """Somebody about 1.7 m tall.

    Args:
        stride: -1..1; how far the left leg is ahead. Arms swing against the legs.
        sits: on a stool of 0.3 m.
    """
    mesh = Mesh()
    coat, trousers = shade(chosen(CLOTH, rng), rng), shade(chosen(CLOTH[:6], rng), rng)
    skin, hair = shade(SKIN, rng), Paint(0.012, 0.01, 0.009, 0.7)
    width = float(rng.uniform(0.92, 1.1))
    low = _SEAT if sits else 0.0
    for side in (-1, 1):
        ahead = -side * stride * 0.28
        hip, foot = (side * 0.09, 0.0, 0.86 - low), (side * 0.1, ahead, 0.08)
        bend = 0.06 + 0.1 * max(0.0, -ahead)
        knee = (side * 0.1, ahead * 0.5 + bend, 0.46)
        if sits:
            foot, knee = (side * 0.14, 0.36, 0.08), (side * 0.2, 0.4, 0.5)
        mesh.tube(hip, knee, 0.088 * width, trousers, end_radius=0.062)
        mesh.tube(knee, foot, 0.062, trousers, end_radius=0.048)
        mesh.ball((foot[0], foot[1] + 0.05, 0.045), (0.05, 0.13, 0.05), BLACK)
        elbow = (side * 0.25 * width, -ahead * 0.45 - 0.02, 1.12 - low)
        hand = (side * 0.24 * width, -ahead * 0.9 + 0.08, 0.9 - low)
        if sits:
            hand = (side * 0.2, 0.32, 0.56)
        mesh.tube((side * 0.18 * width, 0, 1.4 - low), elbow, 0.055, coat, end_radius=0.045)
        mesh.tube(elbow, hand, 0.045, coat, end_radius=0.036)
        mesh.ball(hand, (0.035, 0.045, 0.06), skin)
    rings = ((0.8, 0.15, 0.11), (0.95, 0.165, 0.12), (1.1, 0.155, 0.115), (1.28, 0.185, 0.125),
             (1.4, 0.19, 0.11), (1.46, 0.1, 0.08), (1.5, 0.055, 0.055))  # fmt: skip
    mesh.loft([_oval(z - low, a * width, b) for z, a, b in rings], coat)
    mesh.ball((0, 0.015, 1.6 - low), (0.078, 0.095, 0.115), skin, sides=14)
    mesh.ball((0, -0.015, 1.625 - low), (0.088, 0.1, 0.105), hair, sides=14)
    if sits:
        return mesh
    if rng.random() < 0.4:
        mesh.ball((0, -0.17, 1.22), (0.14, 0.09, 0.2), shade(chosen(CLOTH, rng), rng), sides=12)
    elif rng.random() < 0.4:
        mesh.box((0.3, 0.12, 0.28), (0.3, 0.05, 0.55), shade(chosen(CLOTH, rng), rng))
    return mesh


def _oval(z: float, half_width: float, half_depth: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    ring: Points = np.column_stack(
        [half_width * np.cos(angles), half_depth * np.sin(angles), np.full(14, z)]
    )
    return ring
