"""Things of a street, made by code; no two are alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from cv.sim.assets import vehicles, wares
from cv.sim.assets.people import person
from cv.sim.mesh import Mesh
from cv.sim.scene import size_of

__all__ = ["thing"]

_MAKERS: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "street_stall": wares.street_stall,
    "storefront_goods": wares.storefront_goods,
    "construction_waste": wares.construction_waste,
    "garbage_heap": wares.garbage_heap,
    "person": person,
    "bicycle": vehicles.bicycle,
    "motorcycle": vehicles.motorcycle,
    "tricycle": vehicles.tricycle,
    "car": vehicles.car,
    "truck": vehicles.truck,
    "bus": vehicles.bus,
    "cone": wares.cone,
    "barrier": wares.barrier,
}

_SHAPED: dict[tuple[str, str], Callable[[np.random.Generator], Mesh]] = {
    ("street_stall", "cart"): partial(wares.street_stall, cart=True),
    ("street_stall", "table"): partial(wares.street_stall, cart=False),
    ("street_stall", "mat"): wares.mat,
}


def thing(label: str, seed: int, stride: float = 0.0, shape: str | None = None) -> Mesh:
    """One of a label, as large as `cv.sim.scene.size_of` says, standing at 0, 0.

    Args:
        stride: -1..1, of a person who walks.
        shape: one of the label's `cv.sim.scenario.SHAPES`; None: any.
    """
    rng = np.random.default_rng(seed)
    size = size_of(label, shape)
    if label == "person":
        return person(rng, stride).fitted(size) if not stride else person(rng, stride)
    return (_SHAPED[label, shape] if shape else _MAKERS[label])(rng).fitted(size)
