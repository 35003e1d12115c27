"""Photos that set the batch-norm statistics of deployed weights, which have lost them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from cv.data.samples import Sample, read_image, read_sources, split, spread
from cv.detect.letterbox import letterbox

__all__ = ["calibration_batches", "calibration_images"]

_SIDE = 416
_PHOTOS = 128


def calibration_images(data: Path) -> Iterator[torch.Tensor]:
    """Batches of training photos of all sources below `data`."""
    training, _ = split(read_sources(data))
    return calibration_batches(spread(training, _PHOTOS))


def calibration_batches(samples: Sequence[Sample]) -> Iterator[torch.Tensor]:
    """Batches of photos: float [B, 3, 416, 416] RGB 0..1, letterboxed."""
    for first in range(0, len(samples), 8):
        some = samples[first : first + 8]
        stack = np.stack([letterbox(read_image(s.image), (_SIDE, _SIDE)).image for s in some])
        yield torch.from_numpy(stack[..., ::-1].transpose(0, 3, 1, 2).copy()).float() / 255
