"""How much of the network's own speed is left when letterbox and thresholds are counted in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cv.bench.showing import Result, Row
from cv.bench.timing import by_turns, middle, ratio
from cv.detect.backends import installed_backends
from cv.detect.detector import Detector, model_path
from cv.detect.letterbox import input_shape, letterbox
from cv.geometry import Image

__all__ = ["PICTURES", "compare", "measure_infer"]

PICTURES = {"384x640, frame 1080p": (1080, 1920), "640x640, photo 1200x1600": (1600, 1200)}
"""(height, width) of what is looked at through each input shape."""
_WARM = 3


def measure_infer(model: Path | None, threads: int | None, rounds: int) -> Result:
    """Each installed backend on each shape: `Detector.detect` against its bare session."""
    rows = []
    for backend in installed_backends(model or model_path()):
        detector = Detector(model, backend=backend, threads=threads)
        for name, size in PICTURES.items():
            rows.append(compare(f"{backend}, {name}", detector, street(*size), rounds))
    return Result("Inference, ms per picture", rows, ("bare session", "detect"))


def compare(
    name: str, detector: Detector, image: Image, rounds: int, limit_s: float = float("inf")
) -> Row:
    """`detect` on a picture, and the same session on the input that it would be given.

    The share is the bare session's time over that of `detect`, 1 being ideal.
    """
    ready = letterbox(image, input_shape(image.shape[1], image.shape[0])).image[None]
    infer = detector._backend.infer  # the session itself is no part of what a detector offers
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: infer(ready),
        "detect": lambda: detector.detect(image),
    }
    for way in ways.values():
        for _ in range(_WARM):
            way()
    times = by_turns(ways, rounds=rounds, limit_s=limit_s)
    return Row(
        name,
        {
            "bare session": middle(times["bare"]) * 1000,
            "detect": middle(times["detect"]) * 1000,
            "share": ratio(times["bare"], times["detect"]),
        },
    )


def street(height: int, width: int) -> Image:
    """A made-up picture with edges and texture, always the same, uint8 BGR."""
    rng = np.random.default_rng(0)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(190, 90, height).astype(np.uint8)[:, None, None]
    for _ in range(60):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (int(side * rng.uniform(0.03, 0.2)) for side in (width, height))
        image[y : y + h, x : x + w] = rng.integers(20, 235, 3, np.uint8)
    grain = rng.normal(0, 5, (height, width, 1)).astype(np.int16)
    return (image + grain).clip(0, 255).astype(np.uint8)
