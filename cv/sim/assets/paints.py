"""Colours of what stands in a Chinese street."""

from __future__ import annotations

import numpy as np

from cv.sim.mesh import Paint

__all__ = [
    "BLACK", "BRICK", "CHROME", "CLOTH", "CONCRETE", "FRUIT", "GLASS", "LAMP", "PLASTIC",
    "RED_LAMP", "RUBBER", "SKIN", "STEEL", "WHITE", "WOOD", "chosen", "shade",
]  # fmt: skip

BLACK = Paint(0.01, 0.01, 0.012, 0.5)
RUBBER = Paint(0.015, 0.015, 0.016, 0.85)
GLASS = Paint(0.012, 0.016, 0.02, 0.06)
CHROME = Paint(0.6, 0.6, 0.62, 0.25, 1.0)
STEEL = Paint(0.32, 0.33, 0.35, 0.4, 0.8)
LAMP = Paint(0.85, 0.85, 0.8, 0.1)
RED_LAMP = Paint(0.5, 0.01, 0.01, 0.2)
WHITE = Paint(0.8, 0.8, 0.78, 0.5)
CONCRETE = Paint(0.3, 0.29, 0.27, 0.95)
BRICK = Paint(0.3, 0.09, 0.05, 0.95)
WOOD = Paint(0.28, 0.16, 0.07, 0.8)
SKIN = Paint(0.48, 0.27, 0.18, 0.6)

CAR = (
    Paint(0.75, 0.76, 0.76, 0.2), Paint(0.8, 0.8, 0.8, 0.2), Paint(0.02, 0.02, 0.022, 0.15),
    Paint(0.25, 0.26, 0.27, 0.2, 0.5), Paint(0.03, 0.06, 0.18, 0.2), Paint(0.3, 0.015, 0.015, 0.2),
    Paint(0.25, 0.2, 0.13, 0.2, 0.3),
)  # fmt: skip
CLOTH = (
    Paint(0.02, 0.025, 0.05, 0.95), Paint(0.03, 0.03, 0.035, 0.95), Paint(0.4, 0.05, 0.06, 0.95),
    Paint(0.06, 0.12, 0.3, 0.95), Paint(0.55, 0.52, 0.47, 0.95), Paint(0.2, 0.19, 0.16, 0.95),
    Paint(0.08, 0.2, 0.11, 0.95), Paint(0.5, 0.33, 0.08, 0.95), Paint(0.4, 0.16, 0.25, 0.95),
)  # fmt: skip
FRUIT = (
    Paint(0.7, 0.25, 0.02, 0.5), Paint(0.55, 0.03, 0.02, 0.4), Paint(0.6, 0.5, 0.04, 0.5),
    Paint(0.1, 0.3, 0.04, 0.5), Paint(0.3, 0.42, 0.08, 0.5), Paint(0.12, 0.02, 0.1, 0.4),
)  # fmt: skip
PLASTIC = (
    Paint(0.03, 0.1, 0.4, 0.4), Paint(0.5, 0.03, 0.03, 0.4), Paint(0.03, 0.25, 0.1, 0.4),
    Paint(0.7, 0.3, 0.02, 0.4), Paint(0.6, 0.6, 0.6, 0.4), Paint(0.35, 0.22, 0.1, 0.9),
)  # fmt: skip


def chosen(paints: tuple[Paint, ...], rng: np.random.Generator) -> Paint:
    """One of them."""
    return paints[int(rng.integers(len(paints)))]


def shade(paint: Paint, rng: np.random.Generator, most: float = 0.3) -> Paint:
    """The same, a little lighter or darker."""
    factor = 1 + most * float(rng.uniform(-1, 1))
    red, green, blue = (min(1.0, c * factor) for c in paint[:3])
    return paint._replace(red=red, green=green, blue=blue)
