"""What air and a camera do to a picture: rain, the sensor's noise."""

from __future__ import annotations

import cv2
import numpy as np

from cv.geometry import Image

__all__ = ["Weather"]

_NOISE = {"day": 2.0, "dusk": 4.0, "night": 6.0}
"""Standard deviation, in grey levels; a camera amplifies when there is little light."""
_SPARE = 64


class Weather:
    """Rain and noise over pictures of one size; the same ones at the same time.

    Args:
        rain: 0..1.
    """

    def __init__(self, size: tuple[int, int], light: str, rain: float, seed: int) -> None:
        self._rain, self._seed = rain, seed
        width, height = size
        shape = (height + _SPARE, width + _SPARE, 3)
        rng = np.random.default_rng([seed, 3])
        noise = rng.normal(0, _NOISE[light], shape).astype(np.float32)
        self._noise = cv2.GaussianBlur(noise, (3, 3), 0.6)

    def over(self, picture: Image, time_s: float) -> Image:
        """A picture as the camera gives it, at seconds since the start."""
        rng = np.random.default_rng([self._seed, 4, round(time_s * 1000)])
        height, width = picture.shape[:2]
        wet = self._wet(picture, rng) if self._rain else picture
        x, y = rng.integers(0, _SPARE, 2)
        grain = self._noise[y : y + height, x : x + width]
        result = cv2.add(wet, grain, dtype=cv2.CV_8U)
        return np.asarray(result, np.uint8)

    def _wet(self, picture: Image, rng: np.random.Generator) -> Image:
        """Streaks, and the contrast that wet air takes."""
        height, width = picture.shape[:2]
        streaks = np.zeros((height, width), np.uint8)
        count = int(900 * self._rain * width * height / (1280 * 720))
        slant = 0.12
        for x, y, length, light in rng.uniform(
            (0, 0, 10, 60), (width, height, 34, 150), (count, 4)
        ):
            end = (round(x + slant * length), round(y + length))
            cv2.line(streaks, (round(x), round(y)), end, int(light), 1, cv2.LINE_AA)
        haze = 0.25 * self._rain
        mean = float(picture.mean())
        soft = cv2.GaussianBlur(streaks, (3, 3), 0)
        wet = cv2.addWeighted(picture, 1 - haze, cv2.merge([soft] * 3), 0.55, haze * mean)
        return np.asarray(wet, np.uint8)
