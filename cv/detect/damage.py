"""Which decoded frames to leave out because the video is damaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from av import Packet, VideoFrame
from av.video.frame import PictureType
from av.video.stream import VideoStream

__all__ = ["DamageFilter"]

_LONGEST_DOUBT_S = 20.0
_MOST_HELD = 16


class DamageFilter:
    """Passes sound frames on, in order.

    The decoder flags a frame whose own data were damaged. The frames after it are built on it and
    are smeared as well, up to the next key frame, but carry no flag; B-frames just before it in
    display order may be, too. A stream without key frames (intra refresh) is trusted again
    20 s after the damage.

    Args:
        delay: packets that the decoder works on at once; an error may be about any of them.
    """

    def __init__(self, delay: int) -> None:
        self._recent: deque[Packet[VideoStream]] = deque(maxlen=max(1, delay))
        self._damage: _Damage | None = None
        self._held: list[tuple[int, VideoFrame]] = []

    def sent(self, packet: Packet[VideoStream]) -> None:
        """A packet goes into the decoder."""
        self._recent.append(packet)
        if packet.is_corrupt:
            self._damage = _Damage.of_packet(packet)

    def failed(self) -> None:
        """The decoder refused one of the last packets."""
        if self._recent:
            self._damage = _Damage.of_packet(self._recent[0])

    def sound(self, index: int, frame: VideoFrame) -> Iterator[tuple[int, VideoFrame] | None]:
        """Frames that can now be passed on; None for each one that is left out."""
        if frame.is_corrupt:
            self._damage = _Damage(frame.pts, frame.pts, frame.time)
        if frame.is_corrupt or self._is_doubtful(frame):
            yield from (None for _ in range(len(self._held) + 1))
            self._held.clear()
            return
        if frame.pict_type == PictureType.B and len(self._held) < _MOST_HELD:
            self._held.append((index, frame))
            return
        yield from self.rest()
        yield index, frame

    def rest(self) -> Iterator[tuple[int, VideoFrame]]:
        """What was still held back; at the end of the video."""
        yield from self._held
        self._held.clear()

    def _is_doubtful(self, frame: VideoFrame) -> bool:
        damage = self._damage
        if damage is None:
            return False
        if frame.key_frame and damage.is_before(frame):
            self._damage = None
            return False
        if damage.is_long_ago(frame):
            self._damage = None
            return False
        return damage.touches(frame)


class _Damage:
    """A place in a video, in the stream's time stamps."""

    def __init__(self, since: int | None, pts: int | None, time_s: float | None) -> None:
        self._since = since
        self._pts = pts
        self._time_s = time_s

    @classmethod
    def of_packet(cls, packet: Packet[VideoStream]) -> _Damage:
        seconds = None
        if packet.pts is not None and packet.time_base:
            seconds = float(packet.pts * packet.time_base)
        return cls(packet.dts, packet.pts, seconds)

    def is_before(self, frame: VideoFrame) -> bool:
        return self._pts is None or frame.pts is None or frame.pts > self._pts

    def is_long_ago(self, frame: VideoFrame) -> bool:
        if self._time_s is None or frame.time is None:
            return False
        return abs(frame.time - self._time_s) > _LONGEST_DOUBT_S

    def touches(self, frame: VideoFrame) -> bool:
        if frame.key_frame:
            return frame.pts == self._pts
        return self._since is None or frame.pts is None or frame.pts >= self._since
