"""Labelled photos of made-up streets: a source folder for `kerbwatch train fit`.

Each shows a street of its own from a camera of its own, with things where they usually stand.
Everything in it is boxed, so every label but `person` is complete.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from cv.data.new_folder import new_folder
from cv.labels import LABELS
from cv.sim.film import Film
from cv.sim.scenario import SHAPES, CameraTable, Scenario, StreetTable, Thing
from cv.sim.scene import Seen, size_of

__all__ = ["street", "write_photos"]

_SIZE = (768, 432)
_SMALLEST_PX = 9.0
_MOST_HIDDEN = 0.75
_BOXED = [label for label in LABELS if label != "person"]
"""Vendors are part of their stalls, and have no box of their own."""
_LOOKS = 2
"""Photos of one street, with other things in it."""

# Where things stand: x from, x to, and how far from lying along the street they are turned.
_PAVEMENT, _SHOPS, _KERB = (0.6, 3.8, 180.0), (3.2, 4.0, 8.0), (-2.6, -1.2, 6.0)
_ROAD, _ACROSS = (-8.6, -4.6, 4.0), (-13.6, -11.0, 180.0)
_HABITS: tuple[tuple[str, float, tuple[tuple[float, float, float], ...]], ...] = (
    ("street_stall", 1.6, (_PAVEMENT, _PAVEMENT, _KERB, _ACROSS)),
    ("storefront_goods", 1.8, (_SHOPS,)),
    ("construction_waste", 1.0, (_PAVEMENT, _KERB, _ACROSS)),
    ("garbage_heap", 0.8, (_PAVEMENT, _KERB, _ACROSS)),
    ("person", 4.0, (_PAVEMENT, _PAVEMENT, _SHOPS, _ACROSS, _KERB)),
    ("bicycle", 1.2, (_PAVEMENT, _SHOPS, _KERB)),
    ("motorcycle", 1.2, (_PAVEMENT, _SHOPS, _KERB, _ROAD)),
    ("tricycle", 1.0, (_KERB, _ROAD, _PAVEMENT)),
    ("car", 1.8, (_KERB, _ROAD, _ROAD)),
    ("truck", 0.7, (_KERB, _ROAD)),
    ("bus", 0.6, (_ROAD,)),
    ("cone", 1.0, (_KERB, _PAVEMENT)),
    ("barrier", 0.6, (_KERB, _PAVEMENT)),
)
"""Label, how many there are on average, and where."""

_DOORS = 1.5
"""Side entrances on average."""
_STEP_X, _STEP_M = 3.8, 1.2
"""Where the step before one lies, and how far it reaches."""


def write_photos(
    to: Path, count: int, seed: int, progress: Callable[[Sequence[int]], Iterable[int]]
) -> None:
    """Write a source folder of `count` photos.

    Args:
        progress: shows how far it is; passes the numbers of photos on.

    Raises:
        UserError: `to` exists or cannot be written, or Blender is not installed.
    """
    with new_folder(to) as folder:
        for name in ("images", "labels"):
            (folder / name).mkdir()
        rows = []
        film = None
        for number in progress(range(count)):
            own, look = divmod(number, _LOOKS)
            if film is None or look == 0:
                film = Film(street(seed, own))
            picture, seen = film.frame(float(look))
            name = f"{number:05d}"
            image = folder / "images" / f"{name}.webp"
            _, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 85])
            image.write_bytes(encoded.tobytes())  # imwrite() is silent where it could not
            text = "".join(_rows(seen))
            (folder / "labels" / f"{name}.txt").write_text(text, encoding="ascii")
            group = f"street-{own}"
            entry = {"image": image.name, "group": group, "complete": _BOXED, "split": "train"}
            rows.append(json.dumps({**entry, "horizon": 1}))  # nothing real is set onto it
        (folder / "images.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _rows(seen: Sequence[Seen]) -> Iterator[str]:
    for item in seen:
        large = min(item.box.width, item.box.height) >= _SMALLEST_PX
        if large and item.hidden < _MOST_HIDDEN:
            yield item.row(_SIZE)


def street(seed: int, number: int) -> Scenario:
    """A made-up street whose things are others each second."""
    rng = np.random.default_rng([seed, number])
    tilt = float(rng.uniform(8, 28))
    camera = CameraTable(
        size=_SIZE,
        height=float(rng.uniform(2.2, 8.0)),
        tilt=tilt,
        pan=float(rng.uniform(-14, 26)),
        field=float(rng.uniform(45, 85)),
        distortion=float(rng.uniform(-0.12, 0.0)),
        sway=0.0,
    )
    doors = sorted(float(y) for y in rng.uniform(7, 60, rng.poisson(_DOORS)))
    things = [
        thing.model_copy(update={"id": f"{look}-{n}", "since": look, "until": look + 1})
        for look in range(_LOOKS)
        for n, thing in enumerate(_things(rng, doors))
    ]
    return Scenario(
        name=f"street {number}",
        about="made up",
        start=datetime(2026, 3, 14, tzinfo=UTC),
        duration=_LOOKS,
        seed=int(rng.integers(2**31)),
        light=str(rng.choice(["day", "dusk", "night"], p=[0.75, 0.15, 0.1])),
        rain=float(rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.85, 0.15])),
        camera=camera,
        street=StreetTable(side_entrances=doors),
        zones=[],
        things=things,
    )


def _things(rng: np.random.Generator, doors: Sequence[float]) -> Iterator[Thing]:
    """Things that stand neither in one another nor before a door; what is taken stays as it is."""
    taken: list[tuple[float, float, float]] = [(_STEP_X, y, _STEP_M) for y in doors]
    for label, usual, places in _HABITS:
        for _ in range(rng.poisson(usual)):
            left, right, turned = places[int(rng.integers(len(places)))]
            # Nearer ones more often: far ones are a few pixels.
            x, y = float(rng.uniform(left, right)), 5.0 + 37.0 * float(rng.random()) ** 1.7
            turn = float(rng.uniform(-turned, turned)) + (90.0 if label in _LENGTHWAYS else 0.0)
            turn += float(rng.choice([0.0, 180.0]))
            shape = str(rng.choice(SHAPES[label])) if label in SHAPES else None
            radius = max(size_of(label, shape)[:2]) / 2
            if all(math.dist((x, y), (a, b)) > 0.75 * (radius + r) for a, b, r in taken):
                taken.append((x, y, radius))
                yield Thing(id="thing", kind=label, shape=shape, at=(x, y), turn=turn)


_LENGTHWAYS = {"storefront_goods", "barrier"}
"""What is wider than long, and stands with its width along the street."""
