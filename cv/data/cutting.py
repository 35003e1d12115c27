"""Cuts things out of photos: heaps from rubble, stalls and goods from markets."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image

__all__ = ["Cut", "cut_heap", "cut_object", "profile"]

Mask = npt.NDArray[np.float32]

_HEAP_SIDE = 256
_GRABCUT_ROUNDS = 3
_GRABCUT_SIDE = 160
"""GrabCut's time grows with the area; its outline is softened anyway."""
_LEAST_FILLED, _MOST_FILLED = 0.35, 0.97
_CONTEXT = 0.15


@dataclass(frozen=True, slots=True)
class Cut:
    """A thing without its surroundings.

    Attributes:
        image: uint8 [H, W, 3] BGR.
        alpha: float32 [H, W], 0 outside to 1 inside; it touches all four edges.
    """

    image: Image
    alpha: Mask


def profile(rng: np.random.Generator, width: int) -> npt.NDArray[np.float64]:
    """The outline of a heap: height 0..1 for each of `width` columns, 1 somewhere.

    One to three humps of loose material, whose slopes are about straight (angle of repose), with a
    ragged edge.
    """
    x = np.linspace(0, 1, width)
    heights = np.zeros(width)
    for _ in range(int(rng.integers(1, 4))):
        centre, half = rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5)
        hump = np.clip(1 - np.abs(x - centre) / half, 0, 1) ** rng.uniform(0.5, 1.0)
        heights = np.maximum(heights, hump * rng.uniform(0.6, 1.0))
    heights += _ragged(rng, width) * 0.12 * np.sin(np.pi * x)
    heights = np.clip(heights, 0, None)
    result: npt.NDArray[np.float64] = heights / heights.max()
    return result


def _ragged(rng: np.random.Generator, width: int) -> npt.NDArray[np.float64]:
    """Noise of several grain sizes, about -1..1."""
    total = np.zeros(width)
    for grains in (6, 14, 32):
        knots = rng.uniform(-1, 1, grains)
        total += np.interp(np.linspace(0, grains - 1, width), np.arange(grains), knots)
    return total / 3


def cut_heap(material: Image, rng: np.random.Generator) -> Cut:
    """A heap-shaped piece of a photo that shows nothing but rubble.

    Args:
        material: at least 64 px on both sides.
    """
    height, width = material.shape[:2]
    aspect = rng.uniform(1.4, 3.2)
    w = int(min(width, height * aspect) * rng.uniform(0.6, 1.0))
    h = max(16, min(height, round(w / aspect)))
    x, y = (int(rng.integers(0, most + 1)) for most in (width - w, height - h))
    piece = material[y : y + h, x : x + w]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    size = (_HEAP_SIDE, max(24, round(_HEAP_SIDE * h / w)))
    sized = cv2.resize(piece, size, interpolation=cv2.INTER_AREA)
    rows = np.arange(size[1])[:, None]
    top = (1 - profile(rng, size[0])) * size[1]
    foot = size[1] * (1 - 0.10 * np.abs(_ragged(rng, size[0])))
    alpha = ((rows >= top) & (rows < foot)).astype(np.float32)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.2)
    # A heap is lighter where the sky reaches it.
    shade = np.linspace(1.08, 0.78, size[1])[:, None, None]
    return _trimmed(np.clip(sized * shade, 0, 255).astype(np.uint8), alpha.astype(np.float32))


def cut_object(photo: Image, box: tuple[int, int, int, int]) -> Cut | None:
    """What stands in a box (GrabCut); None if it cannot be told from what is around it.

    Args:
        box: x1, y1, x2, y2 in pixels.
    """
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    if min(w, h) < 24:
        return None
    left, top = max(0, round(x1 - _CONTEXT * w)), max(0, round(y1 - _CONTEXT * h))
    part = photo[top : round(y2 + _CONTEXT * h), left : round(x2 + _CONTEXT * w)]
    scale = min(1.0, _GRABCUT_SIDE / max(part.shape[:2]))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rectangle = tuple(round(scale * n) for n in (x1 - left, y1 - top, w, h))
    mask = np.zeros(small.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut draws its first clusters from OpenCV's own numbers
    try:
        cv2.grabCut(small, mask, rectangle, *models, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # nothing around the box to tell it from
        return None
    inside = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.float32)
    whole = cv2.resize(inside, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
    own = _largest_piece(whole[y1 - top : y2 - top, x1 - left : x2 - left] > 0.5)
    if not _LEAST_FILLED <= float(own.mean()) <= _MOST_FILLED:
        return None
    alpha = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 1.0)
    return _trimmed(photo[y1:y2, x1:x2].copy(), alpha.astype(np.float32))


def _largest_piece(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return np.zeros_like(mask)
    largest: npt.NDArray[np.bool_] = pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _trimmed(image: Image, alpha: Mask) -> Cut:
    """Without the empty margin, so that the cut's edges are the thing's box."""
    rows, columns = (np.flatnonzero((alpha > 0.5).any(axis=axis)) for axis in (1, 0))
    y, x = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Cut(np.ascontiguousarray(image[y, x]), np.ascontiguousarray(alpha[y, x]))
