"""What cameras do to a picture: compression, low light, blur, low resolution, rain.

Applied to training photos only, after mosaic and crops, so that every picture of the network's size
is corrupted as a whole, as a camera would (D. Hendrycks, T. Dietterich, "Benchmarking Neural
Network Robustness to Common Corruptions and Perturbations", 2019, has the kinds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from cv.geometry import Image

__all__ = ["CORRUPTIONS", "Corrupt"]

Rng = np.random.Generator


def compressed(image: Image, rng: Rng) -> Image:
    """JPEG of low quality; its blocks look like those of a starved video encoder."""
    quality = int(rng.integers(12, 55))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _decoded(data)


def dark(image: Image, rng: Rng) -> Image:
    """Little light: dark, yellowish, and the sensor's noise with it."""
    exposure = rng.uniform(0.15, 0.5)
    lamp = np.array([rng.uniform(0.7, 1.0), rng.uniform(0.85, 1.0), 1.0])
    light = (image / 255.0) ** 1.3 * exposure * lamp
    noise = rng.normal(0, rng.uniform(0.005, 0.03), image.shape)
    return _bytes(light + noise)


def smeared(image: Image, rng: Rng) -> Image:
    """The camera shakes, or what it sees moves."""
    length = int(rng.integers(3, 11))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    dx, dy = np.cos(angle) * middle, np.sin(angle) * middle
    ends = [(round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    blurred: Image = cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[assignment]
    return blurred


def coarse(image: Image, rng: Rng) -> Image:
    """A camera with fewer pixels, enlarged."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.35, 0.8)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    large: Image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return large


def rainy(image: Image, rng: Rng) -> Image:
    """Streaks, and the contrast that the wet air takes."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant, length = rng.uniform(-0.35, 0.35), int(rng.integers(8, 24))
    for x, y in rng.uniform(0, 1, (int(rng.integers(80, 400)), 2)) * (width, height):
        end = (round(x + slant * length), round(y + length))
        cv2.line(streaks, (round(x), round(y)), end, int(rng.integers(90, 200)), 1)
    haze = rng.uniform(0.1, 0.35)
    grey = float(image.mean())
    wet = image * (1 - haze) + grey * haze
    return _bytes((wet + 0.5 * cv2.GaussianBlur(streaks, (3, 3), 0)[..., None]) / 255)


CORRUPTIONS: tuple[Callable[[Image, Rng], Image], ...] = (compressed, dark, smeared, coarse, rainy)


class Corrupt:
    """An ultralytics transform: one or two corruptions for a share of the pictures."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        # numpy's global state is seeded per worker by torch.
        rng = np.random.default_rng(np.random.randint(2**31))
        if rng.random() < self._share:
            for index in rng.choice(len(CORRUPTIONS), size=int(rng.integers(1, 3)), replace=False):
                labels["img"] = CORRUPTIONS[int(index)](labels["img"], rng)
        return labels


def _decoded(data: Any) -> Image:
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert image is not None
    return image  # type: ignore[return-value]  # opencv's stubs name no element type


def _bytes(light: Any) -> Image:
    result: Image = np.clip(light * 255, 0, 255).astype(np.uint8)
    return result
