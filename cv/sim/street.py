"""The street that every scenario plays in: x > 0 is the pavement before a row of shops.

Carriageway from x = -10 to 0, pavement to 4.5, shops beyond; across the road a pavement with trees
and a row of houses. Everything is made by code from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cv.sim.assets.entrance import side_entrance
from cv.sim.assets.paints import CONCRETE, PLASTIC, STEEL, WOOD, chosen, shade
from cv.sim.blender import Light, Placed, Textured
from cv.sim.mesh import Mesh, Paint

__all__ = ["LIGHTS", "furniture", "surfaces"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_ROAD_SCALE, _WALL_SCALE = 40, 30
"""Pixels of a texture to the metre."""

_NEAR, _FAR = -6.0, 110.0
_SHOPS_X, _HOUSES_X = 4.6, -15.0
_LAMPS = [(-0.4, y, 6.5, 700.0) for y in (4.0, 22.0, 40.0, 58.0)]

LIGHTS = {
    "day": Light((0.85, 0.95, 1.1), 2.2, (42, 205)),
    "dusk": Light((0.16, 0.15, 0.2), 0.12, (75, 160), _LAMPS),
    "night": Light((0.006, 0.007, 0.012), 0.0, (0, 0), _LAMPS),
}
"""By the scenario's word for it."""


def surfaces(seed: int) -> list[Textured]:
    """Ground and walls."""
    rng = np.random.default_rng([seed, 1])
    long = _FAR - _NEAR
    return [
        _flat((-10.0, 0.0), 0.0, _asphalt(rng, 10.0, long)),
        _flat((0.0, 4.6), 0.001, _tiles(rng, 4.6, long)),
        _flat((_HOUSES_X, -10.0), 0.001, _tiles(rng, -10.0 - _HOUSES_X, long)),
        _wall(_SHOPS_X, 9.0, _fronts(rng, long, 9.0), towards=-1),
        _wall(_HOUSES_X, 12.0, _fronts(rng, long, 12.0), towards=1),
        Textured(
            np.array([(-40, _FAR, 0), (40, _FAR, 0), (40, _FAR, 25), (-40, _FAR, 25)], np.float64),
            _fronts(rng, 80.0, 25.0),
        ),
    ]


def furniture(seed: int, side_entrances: Sequence[float] = ()) -> list[Placed]:
    """Kerbs, lamp posts, trees across the road, boards over the shops, and doors between these.

    Args:
        side_entrances: how far along the street.
    """
    rng = np.random.default_rng([seed, 2])
    kerb = Mesh()
    for x in (0.0, -10.0):
        kerb.box((0.16, _FAR - _NEAR, 0.07), (x, (_FAR + _NEAR) / 2, 0), CONCRETE)
    placed = [Placed(kerb)]
    for _, y, height, _ in _LAMPS:
        post = Mesh()
        post.tube((-11.0, y, 0), (-11.0, y, height), 0.09, STEEL, end_radius=0.06)
        post.tube((-11.0, y, height), (-9.4, y, height + 0.3), 0.05, STEEL)
        placed.append(Placed(post))
    for y in np.arange(9.0, 100.0, 9.0):
        placed.append(Placed(_tree(rng), -12.0 + float(rng.uniform(-0.4, 0.4)), float(y)))
    for y in np.arange(_NEAR, _FAR, 4.5):
        board = Mesh()
        paint = shade(chosen((*PLASTIC[:4], WOOD, Paint(0.6, 0.55, 0.5, 0.5)), rng), rng)
        board.box((0.35, 4.3, 0.9), (_SHOPS_X - 0.1, float(y) + 2.25, 2.9), paint)
        for n in range(int(rng.integers(3, 6))):
            letter = Paint(0.9, 0.85, 0.5, 0.4)
            at = (_SHOPS_X - 0.29, float(y) + 0.9 + 0.62 * n, 3.1)
            _letter(board, at, letter, rng)
        placed.append(Placed(board))
    for number, y in enumerate(side_entrances):
        door = side_entrance(np.random.default_rng([seed, 3, number]))
        placed.append(Placed(door, _SHOPS_X, y))
    return placed


def _letter(
    mesh: Mesh, at: tuple[float, float, float], paint: Paint, rng: np.random.Generator
) -> None:
    """Strokes that from afar look like a character."""
    x, y, z = at
    for _ in range(int(rng.integers(3, 6))):
        if rng.random() < 0.5:
            mesh.box((0.02, 0.42, 0.05), (x, y, z + float(rng.uniform(0, 0.45))), paint)
        else:
            mesh.box((0.02, 0.05, 0.46), (x, y + float(rng.uniform(-0.2, 0.2)), z), paint)


def _tree(rng: np.random.Generator) -> Mesh:
    mesh = Mesh()
    mesh.tube((0, 0, 0), (0.1, 0, 3.2), 0.14, WOOD, end_radius=0.08)
    leaf = Paint(0.045, 0.11, 0.025, 0.9)
    for _ in range(26):
        at = rng.normal((0.1, 0, 4.4), (0.8, 0.8, 0.6))
        size = float(rng.uniform(0.4, 0.8))
        place = (float(at[0]), float(at[1]), float(at[2]))
        mesh.ball(place, (size, size, size * 0.8), shade(leaf, rng), rng=rng, rough=0.3, sides=14)
    return mesh


def _flat(x: tuple[float, float], z: float, picture: Pixels) -> Textured:
    corners = [(x[0], _NEAR, z), (x[1], _NEAR, z), (x[1], _FAR, z), (x[0], _FAR, z)]
    return Textured(np.array(corners, np.float64), picture)


def _wall(x: float, height: float, picture: Pixels, towards: int) -> Textured:
    near, far = (_FAR, _NEAR) if towards > 0 else (_NEAR, _FAR)
    corners = [(x, near, 0), (x, far, 0), (x, far, height), (x, near, height)]
    return Textured(np.array(corners, np.float64), picture, 0.8)


def _grain(rng: np.random.Generator, shape: tuple[int, int], *scales: int) -> Floats:
    """Noise of several sizes, about -1..1."""
    total = np.zeros(shape, np.float32)
    for scale in scales:
        small = rng.normal(0, 1, (max(2, shape[0] // scale), max(2, shape[1] // scale)))
        total += cv2.resize(small.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / len(scales), np.float32)


def _asphalt(rng: np.random.Generator, width: float, length: float) -> Pixels:
    """Lines as in GB 5768.3: edges solid, the middle 4 m on, 6 m off."""
    scale = _ROAD_SCALE
    shape = (int(length * scale), int(width * scale))
    grey = 92 + 9 * _grain(rng, shape, 1, 3) + 10 * _grain(rng, shape, 120, 400)
    picture = np.repeat(grey[..., None], 3, axis=2)
    for _ in range(14):
        x, y = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        size = tuple(int(v) for v in rng.uniform(30, 160, 2))
        cv2.rectangle(picture, (int(x), int(y)), (int(x) + size[0], int(y) + size[1]),
                      [float(rng.uniform(70, 82))] * 3, -1)  # fmt: skip
    white = 205 + 20 * _grain(rng, shape, 4)
    for x in (0.25, width - 0.45):
        _line(picture, white, x * scale, slice(None))
    for start in range(0, shape[0], 10 * scale):
        for x in (width - 3.6, 3.3):
            _line(picture, white, x * scale, slice(start, start + 4 * scale))
    yellow = np.stack([0.35 * white, 0.75 * white, 0.85 * white], axis=2)
    x = int((width / 2) * scale)
    picture[:, x : x + 5] = yellow[:, x : x + 5]
    return _bytes(picture)


def _line(picture: Floats, white: Floats, x: float, rows: slice) -> None:
    line = rows, slice(int(x), int(x + 0.15 * _ROAD_SCALE))
    picture[line] = white[line][..., None]


def _tiles(rng: np.random.Generator, width: float, length: float) -> Pixels:
    """Slabs of 0.5 m, and a yellow row for the blind."""
    scale = _ROAD_SCALE
    shape = (int(length * scale), int(width * scale))
    rows, columns = shape[0] // 20 + 1, shape[1] // 20 + 1
    slabs = rng.normal(0, 7, (rows, columns)).astype(np.float32)
    tone = np.kron(slabs, np.ones((20, 20), np.float32))[: shape[0], : shape[1]]
    grey = 138 + tone + 5 * _grain(rng, shape, 1, 4) + 9 * _grain(rng, shape, 150, 500)
    grey[::20] -= 26
    grey[:, ::20] -= 26
    picture = grey[..., None] * np.array([0.93, 0.98, 1.0], np.float32)
    left = int(0.45 * shape[1])
    picture[:, left : left + 16] = grey[:, left : left + 16, None] * np.array(
        [0.45, 0.92, 1.1], np.float32
    )
    return _bytes(picture)


def _fronts(rng: np.random.Generator, length: float, height: float) -> Pixels:
    """Shops with a door, a window or a shutter each; flats above."""
    scale = _WALL_SCALE
    tall, wide = int(height * scale), int(length * scale)
    picture = np.zeros((tall, wide, 3), np.float32)
    picture[:] = (150, 158, 165)
    unit = int(4.5 * scale)
    for left in range(0, wide, unit):
        picture[:, left : left + unit] = rng.uniform(115, 185) * rng.uniform(0.88, 1.0, 3)
        edge = int(0.35 * scale)
        _shop(picture[tall - int(2.8 * scale) :, left + edge : left + unit - edge], rng)
        for floor in range(4 * scale, tall - scale, 3 * scale):
            for x in (0.6, 2.6):
                top, start = tall - floor - int(1.7 * scale), left + int(x * scale)
                glass = picture[
                    max(0, top) : top + int(1.4 * scale), start : start + int(1.3 * scale)
                ]
                glass[:] = rng.uniform(45, 95) * np.array([1.1, 1.03, 0.95])
                glass[:, ::19] = 190
    picture *= 1 + 0.05 * _grain(rng, (tall, wide), 2, 40, 200)[..., None]
    return _bytes(picture)


def _shop(front: Floats, rng: np.random.Generator) -> None:
    scale, width = _WALL_SCALE, front.shape[1]
    kind = rng.random()
    if kind < 0.35:
        front[:] = rng.uniform(120, 165)
        front[::5] *= 0.8  # a shutter's slats
        return
    front[:] = rng.uniform(38, 70) * np.array([1.0, 1.05, 1.1])
    for _ in range(9):  # what is inside
        x, y = int(rng.uniform(0, max(1, width - 20))), int(rng.uniform(20, 2.4 * scale))
        front[y : y + int(rng.uniform(6, 24)), x : x + int(rng.uniform(8, 30))] = rng.uniform(
            40, 190, 3
        )
    front[:, :: max(1, width // 3)] = 175
    front[:3] = 175
    door = int(rng.uniform(0.2, 2.2) * scale)
    front[6:, door : door + int(1.1 * scale)] *= 0.55


def _bytes(picture: Floats) -> Pixels:
    return np.asarray(picture.clip(0, 255), np.uint8)
