"""Things of a street, made by code; no two are alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cv.sim.assets import vehicles, wares
from cv.sim.assets.people import person
from cv.sim.mesh import Mesh
from cv.sim.scene import SIZES

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


def thing(label: str, seed: int, stride: float = 0.0) -> Mesh:
    """One of a label, as large as `cv.sim.scene.SIZES` says, standing at 0, 0.

    Args:
        stride: -1..1, of a person who walks.
    """
    rng = np.random.default_rng(seed)
    if label == "person":
        return person(rng, stride).fitted(SIZES[label]) if not stride else person(rng, stride)
    return _MAKERS[label](rng).fitted(SIZES[label])
