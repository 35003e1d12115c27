"""Photos that look the same.

Between training and test that is a leak; between two reports it is one thing reported twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image

__all__ = ["NEAR", "PIECES", "difference_hash", "near_pairs"]

NEAR = 4
"""Bits of 64 that may differ between two versions of one photo (compressed, scaled, brightened)."""

PIECES = ((1, 3), (4, 3), (7, 3), (10, 3), (13, 4))
"""First digit, counted from 1, and length of five pieces of a hash in hexadecimal.

Hashes that differ in at most four bits have at least one piece in common (G. S. Manku et al.,
Detecting near-duplicates for web crawling, WWW 2007), so an index finds all that may be near: of
1,540 street photos 0.3 % have a piece in common with another one.
"""

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
