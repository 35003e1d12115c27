"""Which decoded frames to leave out because the video is damaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from av import Packet, VideoFrame
from av.video.frame import PictureType
from av.video.stream import VideoStream

from cv.detect.sources import SourceStats

__all__ = ["DamageFilter", "Decoded"]

_LONGEST_DOUBT_S = 20.0
_MOST_HELD = 16
_JUMP_BACK_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A frame out of the decoder, its pixels not yet converted.

    Attributes:
        index: its number among all that came out of the decoder.
        stamp_s: its time stamp in seconds, of any origin.
        at_s: when it came out, on the reader's clock.
        due_s: of a key frame that was decoded by itself the time for which it was.
    """

    picture: VideoFrame
    index: int
    stamp_s: float | None
    at_s: float
    due_s: float | None = None


class DamageFilter:
    """Passes sound frames on, in order, at most one packet late.

    The decoder flags a frame in whose own data it found damage. More are smeared than those: the
    frames after it are built on it, up to the next key frame; the frame before it, when the damage
    began in its last bytes; and B-frames just before it in display order. A stream without key
    frames (intra refresh) is trusted again 20 s after the damage.

    Args:
        delay: packets that the decoder works on at once; an error may be about any of them.
        stats: where frames left out and pieces that could not be decoded are counted.
    """

    def __init__(self, delay: int, stats: SourceStats) -> None:
        self._stats = stats
        self._recent: deque[_Damage] = deque(maxlen=max(1, delay))
        self._damage: _Damage | None = None
        self._held: list[Decoded] = []

    def sent(self, packet: Packet[VideoStream], stamp_s: float | None) -> None:
        """A packet goes into the decoder."""
        self._recent.append(_Damage(packet.dts, packet.pts, stamp_s))
        if packet.is_corrupt:
            self._damage = self._recent[-1]

    def failed(self) -> None:
        """The decoder refused one of the last packets."""
        self._stats.corrupt += 1
        self._drop_held()
        if self._recent:
            self._damage = self._recent[0]

    def passed(self, frames: list[Decoded]) -> Iterator[Decoded]:
        """The decoder took a packet and gave `frames`; yields those now known to be sound."""
        if self._held and self._held[-1].picture.pict_type != PictureType.B:
            yield from self.rest()
        for decoded in frames:
            frame = decoded.picture
            if frame.is_corrupt:
                self._damage = _Damage(frame.pts, frame.pts, decoded.stamp_s)
            if frame.is_corrupt or self._is_doubtful(decoded):
                self._drop_held()
                self._stats.corrupt += 1
                continue
            if frame.pict_type != PictureType.B or len(self._held) >= _MOST_HELD:
                yield from self.rest()
            self._held.append(decoded)

    def rest(self) -> Iterator[Decoded]:
        """What was still held back; at the end of the video."""
        held, self._held = self._held, []
        yield from held

    def _drop_held(self) -> None:
        self._stats.corrupt += len(self._held)
        self._held.clear()

    def _is_doubtful(self, decoded: Decoded) -> bool:
        damage = self._damage
        if damage is None:
            return False
        frame = decoded.picture
        ended = frame.key_frame and damage.is_before(decoded)
        if ended or damage.is_long_ago(decoded.stamp_s):
            self._damage = None
            return False
        return damage.touches(frame)


class _Damage(NamedTuple):
    """A damaged place: frames shown from `since` on may be built on it; it is shown at `pts`."""

    since: int | None
    pts: int | None
    stamp_s: float | None

    def is_before(self, decoded: Decoded) -> bool:
        """Also true when time began anew in between, as in joined files."""
        pts, stamp_s = decoded.picture.pts, decoded.stamp_s
        if self.pts is None or pts is None or pts > self.pts:
            return True
        if self.stamp_s is None or stamp_s is None:
            return False
        return stamp_s < self.stamp_s - _JUMP_BACK_S

    def is_long_ago(self, stamp_s: float | None) -> bool:
        if self.stamp_s is None or stamp_s is None:
            return False
        return abs(stamp_s - self.stamp_s) > _LONGEST_DOUBT_S

    def touches(self, frame: VideoFrame) -> bool:
        if frame.key_frame:
            return frame.pts == self.pts
        return self.since is None or frame.pts is None or frame.pts >= self.since
