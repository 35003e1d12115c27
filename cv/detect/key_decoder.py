"""Key frames, each decoded by itself."""

from __future__ import annotations

from collections.abc import Callable

from av import CodecContext, Packet, VideoFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cv.detect.keyframes import KeyframeChoice
from cv.detect.sources import SourceStats

__all__ = ["KeyDecoder"]

_KNOWN_BY_THEIR_HEADERS = ("h264", "hevc")
"""Whose decoders need nothing of a container but its `extradata`."""
_MARKED_RIGHTLY = ("vp8", "vp9", "av1")
"""Whose containers know key frames, and whose decoders take others, even first, for damage."""


class KeyDecoder:
    """Decodes single key frames of one video track.

    Call `begin` first, and again whenever the track's own decoder was used in between.

    Args:
        track: its decoder.
        choice: is told what key frames gave.
        live: a camera's stream.
        threads: for decoding.

    Attributes:
        key: of the key frame that is being decoded.
    """

    def __init__(
        self, track: VideoCodecContext, choice: KeyframeChoice, *, live: bool, threads: int
    ) -> None:
        self.key: Packet[VideoStream] | None = None
        self._track = track
        self._choice = choice
        # Only what costs memory for each of many cameras is worth a new decoder each time.
        self._is_renewed = live and track.codec.canonical_name in _KNOWN_BY_THEIR_HEADERS
        self._threads = threads
        self._decoder = track
        self._parts: list[VideoFrame] = []
        self._is_damaged = False

    def begin(self) -> None:
        """Before a key frame by itself.

        A decoder that goes on keeps the memory of three pictures, 6 MB at 1080p. So a live
        camera's, of which there are many, makes way for a new one. (The track's own, which stays,
        is not used for the first one either.)
        """
        if not self._is_renewed:
            if self._track.is_open:
                self._track.flush_buffers()
        else:
            new = CodecContext.create(self._track.codec.name, "r")
            assert isinstance(new, VideoCodecContext)
            new.extradata = self._track.extradata
            new.thread_type, new.thread_count = "FRAME", self._threads
            self._decoder = new
        # Also tells the decoder, since containers call frames key frames that are none.
        self._decoder.skip_frame = self._choice.skip

    def goes_on(self, packet: Packet[VideoStream]) -> bool:
        """Whether a packet belongs to the key frame before it."""
        key = self.key
        if key is None or packet.pts is None:
            return False
        return packet.pts == key.pts or (key.pts is None and packet.is_keyframe)

    def take(
        self, packet: Packet[VideoStream], stats: SourceStats, is_due: Callable[[], bool]
    ) -> None:
        """Begin a key frame that is due, or go on with it; to be drained before the next one.

        Cameras send a key frame in several packets of one time stamp. The decoder sees the other
        packets too, and skips them: it knows better than a container what is a key frame.
        """
        if packet.is_keyframe:
            if not is_due():
                return
            self.key = packet
        elif self._decoder.codec.canonical_name in _MARKED_RIGHTLY and not self.goes_on(packet):
            return
        try:
            self._parts += self._decoder.decode(packet)
        except FFmpegError:
            stats.corrupt += 1
            self._is_damaged = True
        if packet.is_corrupt:
            self._parts.clear()
            self._is_damaged = True

    def drain(self, stats: SourceStats) -> tuple[Packet[VideoStream] | None, list[VideoFrame]]:
        """The key frame that was begun, if one was, and what it gave.

        It comes one packet late: a decoder that expects more holds it back.
        """
        key, self.key = self.key, None
        pictures, self._parts = self._parts, []
        damaged, self._is_damaged = self._is_damaged, False
        if key is not None:
            try:
                pictures += self._decoder.decode(None)
            except FFmpegError:
                damaged = True
            self.begin()
            stats.corrupt += not pictures
            if pictures or not damaged:
                self._choice.gave(bool(pictures))
        return key, pictures
