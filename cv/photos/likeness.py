"""Photos that look the same.

Between training and test that is a leak; between two reports it is one thing reported twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image

__all__ = ["NEAR", "difference_hash", "near_pairs"]

NEAR = 4
"""Bits of 64 that may differ between two versions of one photo (compressed, scaled, brightened)."""

Hashes = npt.NDArray[np.uint64]


def difference_hash(image: Image) -> int:
    """64 bits: whether each of 8x8 cells is darker than its right neighbour (dHash, N. Krawetz).

    Args:
        image: uint8, BGR [height, width, 3] or grey [height, width]. A copy that is reduced to a
            few hundred pixels gives the same but for one bit in every fifteenth photo.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = (small[:, :-1] < small[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_pairs(
    first: Sequence[int], second: Sequence[int], within: int = NEAR
) -> list[tuple[int, int]]:
    """Indices (i, j) of hashes that differ in at most `within` bits."""
    other: Hashes = np.array(second, dtype=np.uint64)
    pairs = []
    for i, value in enumerate(first):
        distances = np.bitwise_count(other ^ np.uint64(value))
        pairs += [(i, int(j)) for j in np.flatnonzero(distances <= within)]
    return pairs
