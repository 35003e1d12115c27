"""Pictures, converted only as far as somebody looks at them.

Most looks need a network's input and nothing else: a 1080p frame of 3 MB becomes 0.7 MB in one step
of the decoder's scaler, without the full-size BGR picture in between, which only evidence needs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import cv2
import numpy as np
from av import VideoFrame
from av.buffer import Buffer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter

from cv.detect.letterbox import Letterbox, input_shape, letterbox, padded, placement
from cv.geometry import Image

__all__ = ["Picture", "Pixels", "Upright", "VideoPicture", "display_matrix"]

DisplayMatrix = np.ndarray[tuple[int], np.dtype[np.int32]]


class Picture(Protocol):
    """An upright picture."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        ...

    def bgr(self) -> Image:
        """All its pixels, uint8 [height, width, 3]."""
        ...

    def fitted(self, shape: tuple[int, int]) -> Letterbox:
        """Letterboxed into a network's input (height, width)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture that is BGR pixels already."""

    image: Image

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def bgr(self) -> Image:
        return self.image

    def fitted(self, shape: tuple[int, int]) -> Letterbox:
        return letterbox(self.image, shape)


class VideoPicture:
    """A decoded frame, in the decoder's planes until it is asked for pixels.

    Not for several threads at once.

    Args:
        matrix: how players turn it (FFmpeg's display matrix), if they do.
    """

    def __init__(self, frame: VideoFrame, matrix: DisplayMatrix | None) -> None:
        self._frame = frame
        self._matrix = matrix
        self._sideways = matrix is not None and _is_sideways(matrix)
        self._fitted: tuple[tuple[int, int], Letterbox] | None = None

    @property
    def size(self) -> tuple[int, int]:
        width, height = self._frame.width, self._frame.height
        return (height, width) if self._sideways else (width, height)

    def bgr(self) -> Image:
        """All its pixels; converted anew at every call.

        Raises:
            FFmpegError, ValueError: it cannot be converted.
        """
        return self._converted(self._frame.width, self._frame.height)

    def fitted(self, shape: tuple[int, int]) -> Letterbox:
        """Letterboxed into (height, width); kept for whoever asks next.

        Shrinks by the mean of the pixels that become one: a camera's frame loses two thirds of its
        lines here, and whichever a bilinear filter kept would flicker.

        Raises:
            FFmpegError, ValueError: it cannot be converted.
        """
        if self._fitted is None or self._fitted[0] != shape:
            place = placement(*self.size, shape)
            turned = (place.height, place.width) if self._sideways else (place.width, place.height)
            self._fitted = shape, padded(self._converted(*turned), shape, place)
        return self._fitted[1]

    def _converted(self, width: int, height: int) -> Image:
        # swscale's own threads cost twice the processor time here, and their number is the host's
        frame = _scaler().reformat(
            self._frame, width, height, "bgr24", interpolation=Interpolation.AREA, threads=1
        )
        image = np.asarray(frame.to_ndarray(), np.uint8)
        if self._matrix is not None:
            image = _turned(image, self._matrix)
        return np.ascontiguousarray(image)


class Upright:
    """Makes pictures of one video's frames, turned and mirrored as its display matrix says."""

    def __init__(self) -> None:
        self._rotation: float | None = None
        self._matrix: DisplayMatrix | None = None

    def picture(self, frame: VideoFrame) -> VideoPicture | None:
        """A decoded frame as a picture, with its network input ready; None if it has no pixels."""
        if frame.rotation != self._rotation:
            # PyAV's side data and its frame refer to each other: a frame whose side data was read
            # lives until the next garbage collection. So only of the first, and on a change.
            self._rotation = frame.rotation
            self._matrix = display_matrix(frame)
        picture = VideoPicture(frame, self._matrix)
        try:
            picture.fitted(input_shape(*picture.size))
        except (FFmpegError, ValueError):
            return None
        return picture


_own = threading.local()


def _scaler() -> VideoReformatter:
    """This thread's: it keeps its tables as long as sizes stay the same."""
    scaler: VideoReformatter | None = getattr(_own, "scaler", None)
    if scaler is None:
        scaler = _own.scaler = VideoReformatter()
    return scaler


def display_matrix(frame: VideoFrame) -> DisplayMatrix | None:
    """How players turn it: FFmpeg's, 9 numbers; None where its container says nothing of that."""
    side_data = cast(Mapping[object, Buffer], frame.side_data)  # PyAV's stub knows one kind only
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)


def _is_sideways(matrix: DisplayMatrix) -> bool:
    a, b, _, c, d = (int(value) for value in matrix[:5])
    return abs(a) + abs(d) < abs(b) + abs(c)


def _turned(image: Image, matrix: DisplayMatrix) -> Image:
    """Apply FFmpeg's 3x3 display matrix [a b u; c d v; x y w]: x' = ax + cy, y' = bx + dy.

    Only quarter turns and mirroring; anything between is rounded to the nearest.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if not _is_sideways(matrix):
        return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    turned: Image = cv2.transpose(image)  # type: ignore[assignment]  # stubs: any Mat
    return turned[:: -1 if b < 0 else 1, :: -1 if c < 0 else 1]
