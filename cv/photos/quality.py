"""Whether a citizen's picture can serve as evidence: blurred, dark, too small, off a screen.

Nothing is refused because of it: the citizen may take a better picture, and the desk is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from cv.detect.detector import Detection
from cv.detect.photo import Photo
from cv.geometry import Image

__all__ = ["Quality", "blur_effect", "measure_quality", "reduced_grey", "spectral_peaks"]

_SIDE = 480
MOST_BLUR = 0.52
"""Of 860 labelled street photos of eleven sources, 0.2 % are above it; of the same under a
Gaussian of 0.4 % of the longer side 97 %, under a shake of 2 % along
it 96 %."""
DARK = 50.0
"""Of 255, for the 90th percentile of grey: 0.7 % of those photos are below, all taken at night."""
LEAST_SIDE = 320
"""Pixels of the shorter side: half the network's input, below which plates and goods are mush."""
MOST_PEAK = 5.3
MOST_COLOUR_PEAK = 4.3
"""Of 835 of those photos 0.4 % are above one of the two; of the same shown on a simulated
screen (striped sub-pixels, 0.8 to 2.2 camera pixels a screen pixel, turned by up to 12 degrees,
JPEG 85) 67 %. A screen whose pixels the camera does not resolve leaves no peak, and is missed."""

_TILE = 256
_LOWEST = 0.12
_AXIS = 3
"""Rows and columns about the axes that do not count: JPEG's blocks and fences are there."""

Floats = npt.NDArray[np.float32]


class Quality(BaseModel):
    """What speaks against a picture as evidence; the numbers say how much.

    Attributes:
        screen_recapture: it looks like a photo of a screen.
        no_object: the model sees nothing in it.
    """

    model_config = ConfigDict(frozen=True)

    blurred: bool
    dark: bool
    too_small: bool
    screen_recapture: bool
    no_object: bool
    blur: float
    brightness: float
    peak: float | None
    colour_peak: float | None


def measure_quality(photo: Photo, grey: Image, detections: Sequence[Detection]) -> Quality:
    """Measured on the reduced picture; the spectrum on its middle, as decoded.

    Args:
        grey: `reduced_grey` of the photo's pixels.
    """
    blur = blur_effect(grey)
    bright = float(np.percentile(grey, 90))
    peaks = spectral_peaks(photo.image)
    screen = peaks is not None and (peaks[0] > MOST_PEAK or peaks[1] > MOST_COLOUR_PEAK)
    return Quality(
        blurred=blur > MOST_BLUR,
        dark=bright < DARK,
        too_small=min(photo.width, photo.height) < LEAST_SIDE,
        screen_recapture=screen,
        no_object=not detections,
        blur=round(blur, 3),
        brightness=round(bright, 1),
        peak=round(peaks[0], 2) if peaks else None,
        colour_peak=round(peaks[1], 2) if peaks else None,
    )


def blur_effect(grey: Image) -> float:
    """0 sharp .. 1 blurred: how little a further blur takes from the differences of neighbours.

    Crete et al., The blur effect: perception and estimation with a new no-reference perceptual
    blur metric, SPIE 6492 (2007): the worse of both directions.

    Args:
        grey: uint8 [height, width].
    """
    pixels = grey.astype(np.float32)
    effects = []
    for axis, size in ((1, (9, 1)), (0, (1, 9))):
        sharp = np.abs(np.diff(pixels, axis=axis))
        again = np.abs(np.diff(cv2.blur(pixels, size), axis=axis))
        total = float(sharp.sum())
        lost = float(np.maximum(0, sharp - again).sum())
        # A picture of one colour has no edges that could be blurred.
        effects.append((total - lost) / total if total > 0 else 0.0)
    return max(effects)


def spectral_peaks(image: Image) -> tuple[float, float] | None:
    """How far the strongest periodic pattern stands out of the spectrum: grey, and colour.

    A camera that looks at a screen sees its grid of pixels, or the moire between that and its own:
    isolated peaks at middle and high frequencies, in colours too, since sub-pixels are stripes.
    Each is the natural logarithm of power over its neighbourhood's, outside the low frequencies.

    Args:
        image: uint8 [height, width, 3] BGR; its middle 256 x 256 pixels are looked at.

    Returns:
        None if the picture is smaller than that.
    """
    height, width = image.shape[:2]
    if min(height, width) < _TILE:
        return None
    top, left = (height - _TILE) // 2, (width - _TILE) // 2
    middle = np.ascontiguousarray(image[top : top + _TILE, left : left + _TILE])
    planes = cv2.cvtColor(middle, cv2.COLOR_BGR2YCrCb).astype(np.float32)
    grey, red, blue = (_peak(planes[..., channel]) for channel in range(3))
    return grey, max(red, blue)


def _peak(plane: Floats) -> float:
    wave = np.hanning(_TILE)
    windowed = (plane - plane.mean()) * np.outer(wave, wave)
    power = np.abs(np.fft.fftshift(np.fft.fft2(windowed))) ** 2
    # Noise of single bins is smoothed away; the floor stands for rounding to whole numbers.
    logarithm = cv2.GaussianBlur(np.log(power + 1e-3).astype(np.float32), (0, 0), 0.7)
    prominence = logarithm - cv2.blur(logarithm, (25, 25))
    return float(prominence[_COUNTED].max())


def _counted() -> npt.NDArray[np.bool_]:
    steps = np.fft.fftshift(np.fft.fftfreq(_TILE))
    down, across = np.meshgrid(steps, steps, indexing="ij")
    off_axis = (np.abs(down) > _AXIS / _TILE) & (np.abs(across) > _AXIS / _TILE)
    return np.asarray((np.hypot(down, across) > _LOWEST) & off_axis & (across >= 0))


_COUNTED = _counted()


def reduced_grey(image: Image) -> Image:
    """uint8 [height, width], its longer side of at most 480 pixels."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    share = _SIDE / max(grey.shape)
    if share < 1:
        size = (max(1, round(grey.shape[1] * share)), max(1, round(grey.shape[0] * share)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)
