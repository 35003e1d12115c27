"""Whether key frames alone give the looks that are asked for.

A key frame decodes by itself, for the price of one frame; to see any other one, every frame since
the last key frame must be decoded. Cameras send a key frame every 1 to 4 s, so for a look a second
or in two, key frames often suffice, and decoding costs a tenth. What a stream really does is
measured: cameras are set up in many ways, and some space their key frames out while nothing moves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Literal

__all__ = ["Decode", "KeyframeChoice"]

_REMEMBERED = 4
_SELDOM_S = 0.5
_MOST_DARK = 3
_TOLERANCE = 1.05
"""A key frame "every second" comes after 1.001 s at 29.97 frames a second."""


class Decode(StrEnum):
    """Which frames to decode.

    AUTO: only key frames where they come at least as often as looks are asked for, else all, but
    for those between looks half a second apart or more on which no other frame is built. What says
    key frame of frames that do not decode by themselves (intra refresh) is decoded like ALL.
    """

    AUTO = "auto"
    ALL = "all"
    KEYFRAMES = "keyframes"


class KeyframeChoice:
    """Follows one video's key frames.

    Args:
        every_s: seconds between looks; None is every frame.
        stamps_s: time stamps of key frames, if a file's index tells some.
        hopeful: begin with key frames alone as long as their distance is unknown.

    Attributes:
        decode: as asked for; ALL once AUTO proved impossible.
        alone: decode key frames only.
        dark: key frames in a row that gave no picture.
    """

    def __init__(
        self,
        decode: Decode,
        every_s: float | None,
        *,
        stamps_s: Iterable[float] = (),
        hopeful: bool = False,
    ) -> None:
        self.decode = decode
        self._longest_s = None if every_s is None else every_s * _TOLERANCE
        self._distances: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_s: float | None = None
        self._hopeful = hopeful
        self.dark = 0
        known = list(stamps_s)
        self._distances.extend(
            sorted(later - earlier for earlier, later in pairwise(known))[-_REMEMBERED:]
        )
        self.alone = self._choose()

    @property
    def skip(self) -> Literal["NONKEY", "NONREF", "DEFAULT"]:
        """Frames that the decoder is to leave out, by FFmpeg's names.

        Those on which no other one is built are as good as the next ones where looks are far
        enough apart: in streams with B-frames that saves a quarter of the work.
        """
        if self.alone:
            return "NONKEY"
        seldom = self._longest_s is not None and self._longest_s >= _SELDOM_S
        return "NONREF" if self.decode is Decode.AUTO and seldom else "DEFAULT"

    @property
    def distance_s(self) -> float | None:
        """The longest of the latest distances between key frames, if one was seen."""
        return max(self._distances, default=None)

    def saw(self, stamp_s: float | None) -> None:
        """A key frame comes; `alone` says what to do with it and what follows."""
        if stamp_s is not None and self._last_s is not None and stamp_s > self._last_s:
            self._distances.append(stamp_s - self._last_s)
        self._last_s = stamp_s
        self.alone = self._choose()

    def gave(self, picture: bool) -> None:
        """An undamaged key frame was decoded by itself, and gave a picture or none.

        Intra refresh renews a picture strip by strip: containers call the frame at which that
        begins a key frame, but there is no picture before the last strip.
        """
        self.dark = 0 if picture else self.dark + 1
        if self.dark >= _MOST_DARK:
            self.give_up()

    def give_up(self) -> None:
        """Key frames are none, here: unless nothing else was asked for, all is decoded."""
        if self.decode is Decode.AUTO:
            self.decode = Decode.ALL
            self.alone = False

    def _choose(self) -> bool:
        if self.decode is not Decode.AUTO or self._longest_s is None:
            return self.decode is Decode.KEYFRAMES
        distance_s = self.distance_s
        return self._hopeful if distance_s is None else distance_s <= self._longest_s
