"""What is sold and dumped: stalls, goods, rubble, bags; and what roadworks set up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cv.sim.assets.paints import (
    BLACK,
    BRICK,
    CLOTH,
    CONCRETE,
    FRUIT,
    PLASTIC,
    STEEL,
    WHITE,
    WOOD,
    chosen,
    shade,
)  # fmt: skip
from cv.sim.assets.people import person
from cv.sim.mesh import Mesh, Paint

__all__ = [
    "barrier",
    "cone",
    "construction_waste",
    "garbage_heap",
    "mat",
    "storefront_goods",
    "street_stall",
]

_ORANGE = Paint(0.85, 0.13, 0.01, 0.5)


def street_stall(rng: np.random.Generator, cart: bool | None = None) -> Mesh:
    """A cart or a table (None: by chance) with goods, under an umbrella or an awning, and who sells
    them.
    """
    mesh = Mesh()
    chance = rng.random() < 0.5
    if chance if cart is None else cart:
        mesh.box((1.5, 0.8, 0.5), (0, -0.1, 0.4), shade(chosen(PLASTIC[:4], rng), rng))
        for x in (-0.5, 0.5):
            mesh.tube((x - 0.03, -0.52, 0.3), (x + 0.03, -0.52, 0.3), 0.3, BLACK, sides=18)
    else:
        cloth = shade(chosen(CLOTH, rng), rng)
        mesh.box((1.6, 0.8, 0.05), (0, -0.1, 0.85), WOOD)
        mesh.box((1.62, 0.02, 0.6), (0, -0.51, 0.28), cloth)
        for x in (-0.75, 0.75):
            for y in (-0.45, 0.25):
                mesh.tube((x, y, 0), (x, y, 0.86), 0.025, STEEL, sides=6)
    _heaps(mesh, rng, (1.4, 0.7), 0.9)
    paint = shade(chosen(PLASTIC[:4], rng), rng)
    if rng.random() < 0.6:
        mesh.tube((0.1, 0.1, 0.9), (0.1, 0.1, 2.05), 0.02, STEEL, sides=8)
        _umbrella(mesh, paint)
    else:
        for x in (-0.8, 0.8):
            for y in (-0.5, 0.5):
                mesh.tube((x, y, 0), (x, y, 1.9 if y < 0 else 2.05), 0.02, STEEL, sides=6)
        mesh.taper((1.8, 1.2, 0.1), (1.7, 1.1), (0, 0, 1.95), paint)
        mesh.box((1.8, 0.02, 0.22), (0, -0.6, 1.75), shade(paint, rng, 0.6))
    mesh.join(person(rng), (float(rng.uniform(-0.4, 0.4)), 0.42, 0), 180, 0.98)
    return mesh


def mat(rng: np.random.Generator) -> Mesh:
    """A cloth on the ground with rows of shoes, bags, toys or fruit, and who sits behind it."""
    mesh = Mesh()
    cloth = shade(chosen(CLOTH, rng), rng)
    mesh.box((2.0, 1.2, 0.015), (0, -0.25, 0), cloth)
    for side in (-1, 1):  # a hem, and folds where it was carried
        mesh.box((2.0, 0.05, 0.02), (0, -0.25 + side * 0.57, 0), shade(cloth, rng, 0.6))
        mesh.box((0.02, 1.2, 0.022), (side * 0.35, -0.25, 0), shade(cloth, rng, 0.4))
    kind = ("shoes", "bags", "cartons", "fruit")[int(rng.integers(4))]
    for row, y in enumerate((-0.68, -0.4, -0.12, 0.14)):
        for x in np.linspace(-0.82, 0.82, 7):
            if rng.random() < 0.9:
                at = (float(x + rng.uniform(-0.04, 0.04)), float(y + rng.uniform(-0.03, 0.03)))
                _ware(mesh, rng, kind if row else "cartons", at)
    mesh.box((0.3, 0.26, 0.3), (0.1, 0.6, 0), shade(chosen(PLASTIC, rng), rng))
    mesh.join(person(rng, sits=True), (0.1, 0.6, 0), 180)
    bag = shade(chosen(PLASTIC[:4], rng), rng)
    mesh.ball((-0.6, 0.62, 0.24), (0.3, 0.2, 0.26), bag, rng=rng, rough=0.12, sides=12)
    return mesh


def _ware(mesh: Mesh, rng: np.random.Generator, kind: str, at: tuple[float, float]) -> None:
    """One thing, or a pair or a small heap, laid out on the ground."""
    (x, y), turn = at, float(rng.uniform(-12, 12))
    paint = shade(chosen((*CLOTH, *PLASTIC), rng), rng, 0.5)
    if kind == "shoes":
        for side in (-0.05, 0.05):
            mesh.taper((0.08, 0.24, 0.09), (0.06, 0.12), (x + side, y, 0.015), paint, lean=0.05)
    elif kind == "bags":
        mesh.taper((0.2, 0.12, 0.2), (0.14, 0.04), (x, y, 0.015), paint, turn=turn)
        mesh.tube((x - 0.05, y, 0.21), (x + 0.05, y, 0.21), 0.012, BLACK, sides=6)
    elif kind == "cartons":
        size = rng.uniform(0.12, 0.19, 3)
        mesh.box((size[0], size[1], 0.5 * size[2]), (x, y, 0.015), paint, turn)
    else:
        paint = chosen(FRUIT, rng)
        for _ in range(12):
            dx, dy, dz = rng.uniform(-0.07, 0.07, 3)
            place = (x + float(dx), y + float(dy), 0.08 + float(dz))
            mesh.ball(place, (0.05, 0.05, 0.05), shade(paint, rng), sides=8)


def storefront_goods(rng: np.random.Generator) -> Mesh:
    """Crates of fruit, cartons and buckets in rows before a door."""
    mesh = Mesh()
    kind = rng.random()
    for n, x in enumerate(np.linspace(-1.0, 1.0, 5)):
        if kind < 0.6:
            box = shade(chosen(PLASTIC, rng), rng)
            for y, z in ((-0.25, 0.0), (0.25, 0.3)):
                mesh.box((0.44, 0.46, 0.24 + z), (float(x), y, 0), box)
                _heaps(mesh, rng, (0.36, 0.4), 0.24 + z, (float(x), y), one=True)
        else:
            for level in range(int(rng.integers(1, 4))):
                size = rng.uniform(0.34, 0.46, 2)
                paint = shade(chosen(PLASTIC[2:], rng), rng)
                at = (float(x), 0.2 - 0.1 * n % 2, 0.27 * level)
                mesh.box((size[0], size[1], 0.27), at, paint, float(rng.uniform(-8, 8)))
    for x in rng.uniform(-1.0, 1.0, 3):
        mesh.tube(
            (x, -0.45, 0), (x, -0.45, 0.3), 0.12, shade(chosen(PLASTIC, rng), rng), end_radius=0.16
        )
    return mesh


def construction_waste(rng: np.random.Generator) -> Mesh:
    """A mound of sand and mortar with broken bricks, concrete, boards and a few bags."""
    mesh = Mesh()
    sand = (Paint(0.27, 0.22, 0.17, 1.0), Paint(0.3, 0.28, 0.26, 1.0), Paint(0.22, 0.15, 0.1, 1.0))
    ground = shade(chosen(sand, rng), rng)
    steep = float(rng.uniform(1.0, 2.2))
    _mound(mesh, rng, steep, ground)
    share = rng.dirichlet((2.0, 2.0, 1.2, 0.7))  # of bricks, concrete, sand, plaster
    for _ in range(int(rng.integers(180, 480))):
        radius, angle = float(np.sqrt(rng.random())), float(rng.uniform(0, 2 * np.pi))
        x, y = 1.55 * radius * np.cos(angle), 1.15 * radius * np.sin(angle)
        height = max(0.0, _slope(radius, steep) - 0.08)
        size = rng.uniform(0.04, 0.22, 3)
        kinds = (BRICK, CONCRETE, ground, shade(WHITE, rng, 0.4))
        paint = shade(kinds[int(rng.choice(4, p=share))], rng, 0.4)
        top = (size[0] * rng.uniform(0.6, 1), size[1] * rng.uniform(0.6, 1))
        turn = float(rng.uniform(0, 180))
        mesh.taper((size[0], size[1], size[2]), top, (x, y, height), paint, turn=turn)
    for _ in range(int(rng.integers(0, 9))):
        x, y = rng.uniform(-1, 1), rng.uniform(-0.7, 0.7)
        end = (x + rng.uniform(-0.8, 0.8), y + rng.uniform(-0.5, 0.5), rng.uniform(0.5, 1.0))
        mesh.tube((x, y, 0.3), end, 0.035, WOOD, sides=4)
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(-1.1, 1.1), rng.uniform(-0.8, 0.8)
        at = (x, y, _slope(float(np.hypot(x / 1.5, y / 1.1)), steep) + 0.08)
        mesh.ball(at, (0.34, 0.24, 0.16), shade(WHITE, rng, 0.3), rng=rng, rough=0.1, sides=12)
    return mesh


def _slope(radius: float, steep: float) -> float:
    """Height of a mound, 0..0.9 m, at a share of its radius."""
    height: float = 0.9 * max(0.0, 1 - radius**steep)
    return height


def _mound(mesh: Mesh, rng: np.random.Generator, steep: float, paint: Paint) -> None:
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    rings = []
    for radius in (1.0, 0.85, 0.68, 0.5, 0.32, 0.15, 0.02):
        reach = radius * (1 + 0.1 * rng.uniform(-1, 1, 28))
        height = _slope(radius, steep) * (1 + 0.08 * rng.uniform(-1, 1, 28))
        rings.append(
            np.column_stack([1.5 * reach * np.cos(angles), 1.1 * reach * np.sin(angles), height])
        )
    mesh.loft(rings, paint)


def garbage_heap(rng: np.random.Generator) -> Mesh:
    """Bags, cartons, bottles and scraps on and beside one another."""
    mesh = Mesh()
    bags = (Paint(0.01, 0.01, 0.012, 0.3), Paint(0.5, 0.5, 0.48, 0.4), Paint(0.04, 0.12, 0.3, 0.4),
            Paint(0.35, 0.03, 0.03, 0.4))  # fmt: skip
    for n in range(16):
        radius = 0.65 * float(np.sqrt(rng.random())) if n > 5 else 0.3 * float(rng.random())
        angle = float(rng.uniform(0, 2 * np.pi))
        size = float(rng.uniform(0.16, 0.3))
        height = size * 0.7 + (0.25 if n <= 5 else 0)
        at = (radius * np.cos(angle), 0.75 * radius * np.sin(angle), height)
        paint = shade(bags[int(rng.choice(4, p=[0.5, 0.3, 0.1, 0.1]))], rng)
        mesh.ball(at, (size, size * 0.9, size * 0.85), paint, rng=rng, rough=0.18, sides=14)
        neck, tip = (*at[:2], height + size * 0.75), (*at[:2], height + size * 1.15)
        mesh.tube(neck, tip, 0.03, paint, end_radius=0.07)
    for _ in range(90):
        radius, angle = float(np.sqrt(rng.random())), float(rng.uniform(0, 2 * np.pi))
        w, d, h = (float(v) for v in rng.uniform(0.04, 0.16, 3))
        low = max(0.0, 0.3 * (1 - radius))
        at = (0.8 * radius * np.cos(angle), 0.6 * radius * np.sin(angle), low)
        paint = shade(chosen((*PLASTIC, *FRUIT, WHITE, WHITE, CLOTH[4]), rng), rng, 0.5)
        mesh.box((w, d, h * 0.4), at, paint, float(rng.uniform(0, 180)))
    for _ in range(4):
        x, y = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4)
        mesh.box((0.35, 0.3, 0.28), (x, y, 0), PLASTIC[5], float(rng.uniform(0, 90)))
    return mesh


def cone(rng: np.random.Generator) -> Mesh:
    """A traffic cone with two white bands."""
    mesh = Mesh()
    mesh.box((0.4, 0.4, 0.04), (0, 0, 0), BLACK)
    radii = ((0.04, 0.15, _ORANGE), (0.25, 0.117, WHITE), (0.38, 0.096, _ORANGE),
             (0.5, 0.077, WHITE), (0.6, 0.061, _ORANGE), (0.75, 0.03, _ORANGE))  # fmt: skip
    for (z, radius, paint), (end, narrow, _) in pairwise(radii):
        mesh.tube((0, 0, z), (0, 0, end), radius, paint, end_radius=narrow, sides=20)
    return mesh


def barrier(rng: np.random.Generator) -> Mesh:
    """A water-filled barrier, red or white."""
    mesh = Mesh()
    paint = shade(_ORANGE if rng.random() < 0.7 else WHITE, rng)
    outline = [(-0.25, 0), (0.25, 0), (0.25, 0.2), (0.1, 0.5), (0.07, 1.1), (-0.07, 1.1),
               (-0.1, 0.5), (-0.25, 0.2)]  # fmt: skip
    ends = [np.array([(x, y, z) for y, z in outline]) for x in (-1.0, 1.0)]
    mesh.loft(ends, paint, smooth=False)
    for x in (-0.5, 0.5):
        mesh.box((0.5, 0.17, 0.16), (x, 0, 0.78), WHITE)
    return mesh


def _heaps(
    mesh: Mesh, rng: np.random.Generator, size: tuple[float, float], height: float,
    at: tuple[float, float] = (0, -0.1), *, one: bool = False,
) -> None:  # fmt: skip
    """Fruit in heaps, each of one kind, on a board of width and depth."""
    width, depth = size
    columns = 1 if one else 4
    for column in range(columns):
        paint, radius = chosen(FRUIT, rng), float(rng.uniform(0.04, 0.06))
        middle = at[0] + ((column + 0.5) / columns - 0.5) * width
        for _ in range(22):
            x = middle + rng.uniform(-0.45, 0.45) * width / columns
            y = at[1] + rng.uniform(-0.45, 0.45) * depth
            z = height + rng.uniform(0.2, 1.6) * radius
            mesh.ball((x, y, z), (radius, radius, radius), shade(paint, rng), sides=8)


def _umbrella(mesh: Mesh, paint: Paint) -> None:
    angles = np.linspace(0, 2 * np.pi, 9)
    for n, (a, b) in enumerate(pairwise(angles)):
        rim = [(1.0 * np.cos(v), 0.75 * np.sin(v), 1.75) for v in (a, b)]
        top = (0.1, 0.1, 2.1)
        panel = paint if n % 2 else Paint(0.75, 0.72, 0.65, 0.8)
        mesh.add(np.array([*rim, top]), [(0, 1, 2), (2, 1, 0)], panel)
