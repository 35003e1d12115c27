"""Decoded frames as upright pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import cv2
import numpy as np
from av import VideoFrame
from av.buffer import Buffer
from av.sidedata.sidedata import Type as SideDataType

from cv.geometry import Image

__all__ = ["Upright"]

DisplayMatrix = np.ndarray[tuple[int], np.dtype[np.int32]]


class Upright:
    """Turns and mirrors a video's frames as their display matrix says."""

    def __init__(self) -> None:
        self._rotation: float | None = None
        self._matrix: DisplayMatrix | None = None

    def bgr(self, picture: VideoFrame) -> Image:
        """A decoded frame's pixels.

        Raises:
            FFmpegError, ValueError: it cannot be converted.
        """
        if picture.rotation != self._rotation:
            # PyAV's side data and its frame refer to each other: a frame whose side data was read
            # lives until the next garbage collection. So only of the first, and on a change.
            self._rotation = picture.rotation
            self._matrix = _display_matrix(picture)
        # swscale's own threads cost twice the processor time here, and their number is the host's
        image = np.asarray(picture.to_ndarray(format="bgr24", threads=1), np.uint8)
        if self._matrix is not None:
            image = _turned(image, self._matrix)
        return np.ascontiguousarray(image)


def _display_matrix(picture: VideoFrame) -> DisplayMatrix | None:
    side_data = cast(Mapping[object, Buffer], picture.side_data)  # PyAV's stub knows one kind only
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)


def _turned(image: Image, matrix: DisplayMatrix) -> Image:
    """Apply FFmpeg's 3x3 display matrix [a b u; c d v; x y w]: x' = ax + cy, y' = bx + dy.

    Only quarter turns and mirroring; anything between is rounded to the nearest.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    turned: Image = cv2.transpose(image)  # type: ignore[assignment]  # stubs: any Mat
    return turned[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]
