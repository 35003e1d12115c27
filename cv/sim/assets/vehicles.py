"""Vehicles: cars, trucks, buses, tricycles, motorcycles and bicycles. They face away, along y."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cv.sim.assets.paints import (
    BLACK,
    CAR,
    CHROME,
    GLASS,
    LAMP,
    PLASTIC,
    RED_LAMP,
    RUBBER,
    STEEL,
    WHITE,
    chosen,
    shade,
)  # fmt: skip
from cv.sim.mesh import Mesh, Paint, Points

__all__ = ["bicycle", "bus", "car", "motorcycle", "tricycle", "truck"]

_PLATE = Paint(0.02, 0.08, 0.45, 0.4)


def car(rng: np.random.Generator) -> Mesh:
    """A saloon, or with a steep back a hatchback."""
    mesh, body = Mesh(), chosen(CAR, rng)
    hatch = rng.random() < 0.4
    # y, half width, underside, height of the bonnet's or boot's line
    back = 0.98 if hatch else 0.92
    stations = [
        (-2.25, 0.70, 0.38, 0.72), (-2.18, 0.82, 0.26, back - 0.04), (-1.75, 0.89, 0.22, back),
        (-0.9, 0.90, 0.20, 0.94), (0.6, 0.90, 0.20, 0.92), (1.5, 0.88, 0.22, 0.84),
        (2.05, 0.80, 0.28, 0.70), (2.25, 0.62, 0.38, 0.58),
    ]  # fmt: skip
    mesh.loft([_section(y, w, low, high) for y, w, low, high in stations], body)
    rear_top, rear = (-1.75, -2.1) if hatch else (-1.15, -1.75)
    base = np.array(
        [(-0.84, rear, 0.9), (0.84, rear, 0.9), (0.84, 1.25, 0.88), (-0.84, 1.25, 0.88)]
    )
    roof = np.array(
        [(-0.6, rear_top, 1.47), (0.6, rear_top, 1.47), (0.6, 0.25, 1.48), (-0.6, 0.25, 1.48)]
    )
    mesh.loft([base, roof], GLASS, smooth=False)
    top = np.array([(0.0, 0.0, 0.035)])
    mesh.loft([roof * (1.03, 1.03, 1), roof * (0.9, 0.9, 1) + top], body, smooth=False)
    for side in (-1, 1):
        for (x1, y1), (x2, y2) in (
            ((0.85, rear), (0.61, rear_top)),
            ((0.85, 1.26), (0.61, 0.26)),
            ((0.855, -0.3), (0.615, -0.3)),
        ):  # fmt: skip
            mesh.tube((side * x1, y1, 0.89), (side * x2, y2, 1.48), 0.035, body, sides=6)
        for y in (-1.35, 1.4):
            _wheel(mesh, (side * 0.82, y), 0.33, 0.2, side)
        mesh.box((0.16, 0.12, 0.12), (side * 0.95, 0.75, 0.92), body)
        mesh.taper((0.36, 0.1, 0.16), (0.3, 0.06), (side * 0.6, -2.17, 0.66), RED_LAMP)
        mesh.taper((0.36, 0.16, 0.14), (0.28, 0.1), (side * 0.58, 2.08, 0.56), LAMP)
        mesh.box((0.16, 0.03, 0.025), (side * 0.91, 0.35, 0.78), BLACK)
        mesh.box((0.16, 0.03, 0.025), (side * 0.91, -0.65, 0.8), BLACK)
    mesh.box((0.44, 0.05, 0.14), (0, -2.24, 0.48), _PLATE)
    mesh.box((0.44, 0.05, 0.14), (0, 2.25, 0.4), _PLATE)
    mesh.box((0.9, 0.06, 0.1), (0, 2.22, 0.52), BLACK)
    mesh.box((1.3, 0.08, 0.12), (0, -2.23, 0.3), BLACK)
    return mesh


def truck(rng: np.random.Generator) -> Mesh:
    """A cab with a box or with low boards."""
    mesh, paint = Mesh(), shade(chosen((*PLASTIC[:2], WHITE), rng), rng)
    mesh.box((0.9, 6.6, 0.25), (0, -0.1, 0.55), BLACK)
    mesh.taper((2.2, 1.7, 1.0), (2.2, 1.7), (0, 2.6, 0.6), paint)
    mesh.taper((2.2, 1.7, 0.75), (2.0, 1.3), (0, 2.6, 1.6), GLASS, lean=-0.15)
    mesh.box((2.05, 1.4, 0.12), (0, 2.45, 2.33), paint)
    for side in (-1, 1):
        mesh.box((0.4, 0.08, 0.2), (side * 0.85, 3.45, 0.8), LAMP)
        mesh.box((0.08, 0.2, 0.4), (side * 1.2, 3.3, 1.6), BLACK)
        mesh.box((0.3, 0.06, 0.14), (side * 0.9, -3.45, 0.75), RED_LAMP)
        for y in (2.5, -1.6, -2.5):
            _wheel(mesh, (side * 0.95, y), 0.48, 0.3, side)
    if rng.random() < 0.6:
        mesh.box((2.3, 5.0, 2.0), (0, -1.0, 0.85), shade(WHITE, rng))
        mesh.box((0.04, 0.03, 1.9), (0, -3.51, 0.9), STEEL)
    else:
        mesh.box((2.3, 5.0, 0.12), (0, -1.0, 0.85), STEEL)
        for x in (-1.13, 1.13):
            mesh.box((0.05, 5.0, 0.65), (x, -1.0, 0.9), paint)
        mesh.box((2.3, 0.05, 0.65), (0, -3.48, 0.9), paint)
        mesh.box((2.3, 0.05, 1.0), (0, 1.48, 0.9), paint)
    mesh.box((0.44, 0.05, 0.14), (0, -3.5, 0.6), Paint(0.6, 0.4, 0.02, 0.4))
    return mesh


def bus(rng: np.random.Generator) -> Mesh:
    """A city bus."""
    mesh, paint = Mesh(), shade(chosen(PLASTIC[:4], rng), rng)
    mesh.box((2.5, 11.0, 1.1), (0, 0, 0.3), paint)
    mesh.box((2.46, 10.9, 1.15), (0, 0, 1.4), GLASS)
    mesh.taper((2.5, 11.0, 0.5), (2.2, 10.7), (0, 0, 2.5), WHITE)
    for side in (-1, 1):
        for y in np.linspace(-5.3, 5.3, 8):
            mesh.box((0.06, 0.16, 1.15), (side * 1.23, y, 1.4), paint)
        for y in (-3.2, 3.0):
            _wheel(mesh, (side * 1.12, y), 0.5, 0.3, side)
        mesh.box((0.3, 0.06, 0.3), (side * 1.0, -5.5, 0.7), RED_LAMP)
        mesh.box((0.4, 0.06, 0.2), (side * 0.9, 5.5, 0.7), LAMP)
    mesh.box((1.4, 0.05, 0.3), (0, -5.49, 2.45), BLACK)
    return mesh


def tricycle(rng: np.random.Generator) -> Mesh:
    """A cargo tricycle, as goods are carried and sold from."""
    mesh, paint = Mesh(), shade(chosen(PLASTIC[:3], rng), rng)
    mesh.box((1.05, 1.4, 0.06), (0, -0.55, 0.5), STEEL)
    for x in (-0.52, 0.52):
        mesh.box((0.04, 1.4, 0.38), (x, -0.55, 0.54), paint)
    for y in (-1.25, 0.15):
        mesh.box((1.05, 0.04, 0.38), (0, y, 0.54), paint)
    for side in (-1, 1):
        _wheel(mesh, (side * 0.45, -0.6), 0.28, 0.12, side)
        mesh.box((0.12, 0.04, 0.1), (side * 0.4, -1.28, 0.42), RED_LAMP)
        mesh.tube((side * 0.05, 1.0, 0.3), (side * 0.05, 0.88, 0.95), 0.02, STEEL)
        mesh.tube((0, 0.85, 1.02), (side * 0.36, 0.72, 1.08), 0.02, BLACK)
    _wheel(mesh, (0, 1.0), 0.28, 0.1, 1)
    mesh.tube((0, 0.2, 0.5), (0, 0.9, 0.6), 0.05, paint)
    mesh.taper((0.34, 0.1, 0.6), (0.3, 0.06), (0, 0.75, 0.45), paint)
    mesh.box((0.34, 0.45, 0.14), (0, 0.3, 0.72), BLACK)
    mesh.box((0.3, 0.35, 0.25), (0, 0.3, 0.48), paint)
    if rng.random() < 0.5:
        for x in (-0.45, 0.45):
            mesh.tube((x, -1.1, 0.9), (x, -1.1, 1.55), 0.015, STEEL)
            mesh.tube((x, 0.75, 0.9), (x, 0.75, 1.6), 0.015, STEEL)
        mesh.taper((1.05, 2.0, 0.08), (0.9, 1.9), (0, -0.2, 1.55), paint)
    else:
        for _ in range(9):
            size = rng.uniform(0.22, 0.42, 3)
            at = (rng.uniform(-0.3, 0.3), rng.uniform(-1.0, 0.0), rng.uniform(0.55, 0.9))
            mesh.box((size[0], size[1], size[2]), at, shade(chosen(PLASTIC, rng), rng))
    return mesh


def motorcycle(rng: np.random.Generator) -> Mesh:
    """An electric scooter."""
    mesh, paint = Mesh(), shade(chosen(PLASTIC[:4], rng), rng)
    for y in (-0.65, 0.68):
        _wheel(mesh, (0, y), 0.26, 0.1, 1)
    mesh.taper((0.3, 0.75, 0.35), (0.26, 0.7), (0, -0.5, 0.38), paint)
    mesh.box((0.28, 0.75, 0.1), (0, -0.45, 0.73), BLACK)
    mesh.box((0.3, 0.5, 0.08), (0, 0.1, 0.28), paint)
    mesh.taper((0.34, 0.1, 0.6), (0.26, 0.08), (0, 0.42, 0.3), paint, lean=-0.08)
    mesh.tube((0, 0.68, 0.3), (0, 0.38, 1.0), 0.03, STEEL)
    mesh.tube((-0.34, 0.32, 1.02), (0.34, 0.32, 1.02), 0.02, BLACK)
    mesh.ball((0, 0.46, 0.92), (0.1, 0.07, 0.1), LAMP)
    mesh.box((0.2, 0.05, 0.1), (0, -0.9, 0.6), RED_LAMP)
    mesh.box((0.34, 0.3, 0.3), (0, -0.85, 0.84), shade(paint, rng))
    for side in (-1, 1):
        mesh.tube((side * 0.2, 0.36, 1.02), (side * 0.26, 0.32, 1.18), 0.01, BLACK, sides=6)
        mesh.ball((side * 0.27, 0.32, 1.2), (0.06, 0.02, 0.04), BLACK)
    return mesh


def bicycle(rng: np.random.Generator) -> Mesh:
    """A city bicycle with a basket."""
    mesh, paint = Mesh(), chosen(PLASTIC[:4], rng)
    for y in (-0.52, 0.52):
        _hoop(mesh, y)
    crank, seat, head = (0, -0.1, 0.3), (0, -0.22, 0.85), (0, 0.38, 0.85)
    for a, b in ((crank, seat), (crank, head), (seat, head), (crank, (0, -0.52, 0.34)),
                 (seat, (0, -0.52, 0.34)), (head, (0, 0.52, 0.34)),
                 (head, (0, 0.36, 1.02))):  # fmt: skip
        mesh.tube(a, b, 0.02, paint, sides=8)
    mesh.tube((-0.28, 0.3, 1.04), (0.28, 0.3, 1.04), 0.015, CHROME, sides=8)
    mesh.ball((0, -0.24, 0.92), (0.09, 0.14, 0.04), BLACK)
    mesh.taper((0.3, 0.24, 0.2), (0.36, 0.3), (0, 0.62, 0.76), STEEL)
    return mesh


def _section(y: float, half: float, low: float, high: float) -> Points:
    """A car's cross-section, bulging at the waist, anticlockwise as seen from the front."""
    middle = low + 0.55 * (high - low)
    right = [(half * 0.8, high), (half * 0.97, high - 0.08), (half, middle), (half * 0.92, low)]
    outline = [*right, *[(-x, z) for x, z in reversed(right)]]
    return np.array([(x, y, z) for x, z in outline])


def _wheel(mesh: Mesh, at: tuple[float, float], radius: float, width: float, side: int) -> None:
    x, y = at
    inner, outer = x - width / 2, x + width / 2
    mesh.tube((inner, y, radius), (outer, y, radius), radius, RUBBER, sides=20)
    rim = outer if side > 0 else inner
    mesh.tube((rim - side * 0.02, y, radius), (rim + side * 0.015, y, radius), 0.62 * radius, STEEL)


def _hoop(mesh: Mesh, y: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 25)
    points = [(0.0, y + 0.33 * float(np.cos(a)), 0.34 + 0.33 * float(np.sin(a))) for a in angles]
    for a, b in pairwise(points):
        mesh.tube(a, b, 0.018, RUBBER, sides=6)
    for a in points[::4]:
        mesh.tube((0, y, 0.34), a, 0.004, STEEL, sides=4)
