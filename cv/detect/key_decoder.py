"""Key frames, each decoded by itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from av import CodecContext, Packet, VideoFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cv.detect.keyframes import KeyframeChoice
from cv.detect.picture import display_matrix
from cv.detect.sources import SourceStats

__all__ = ["Key", "KeyDecoder"]

_KNOWN_BY_THEIR_HEADERS = ("h264", "hevc")
"""Whose decoders need nothing of a container but its `extradata`."""
_MARKED_RIGHTLY = ("vp8", "vp9", "av1")
"""Whose containers know key frames, and whose decoders take others, even first, for damage."""


class Key(NamedTuple):
    """What a key frame gave.

    Attributes:
        packet: its first one; None of a frame that the container did not call a key frame.
        due_s: the time for which it was decoded.
    """

    packet: Packet[VideoStream] | None
    due_s: float | None
    pictures: list[VideoFrame]


class _Outcome(NamedTuple):
    pictures: list[VideoFrame]
    failures: int
    is_damaged: bool


class KeyDecoder:
    """Decodes single key frames of one video track.

    Call `begin` first, and again whenever the track's own decoder was used in between.

    Args:
        track: its decoder.
        choice: is told what key frames gave.
        live: a camera's stream, of which no picture may wait for the next one.
        parsed: whoever says which packets are key frames has looked into them, as a decoder does.
        threads: of a recording, so many key frames are decoded at once. (FFmpeg's threads would
            need their packets one after the other, without those between them.)
    """

    def __init__(
        self,
        track: VideoCodecContext,
        choice: KeyframeChoice,
        *,
        live: bool,
        parsed: bool,
        threads: int,
    ) -> None:
        self._track = track
        self._choice = choice
        by_headers = track.codec.canonical_name in _KNOWN_BY_THEIR_HEADERS
        self._parsed = parsed and by_headers
        # Only what costs memory for each of many cameras is worth a new decoder each time.
        self._is_renewed = live and by_headers
        self._threads = threads
        self._most_begun = threads if by_headers and not live and threads > 1 else 0
        self._is_first = True
        self._is_proved = False
        self._parameters = track.extradata
        self._decoder = track
        self._own = threading.local()
        self._pool: ThreadPoolExecutor | None = None
        self._begun: deque[tuple[Key, Future[_Outcome]]] = deque()
        self._packets: list[Packet[VideoStream]] = []
        self._due_s: float | None = None
        self._unmarked: list[VideoFrame] = []

    @property
    def is_reading(self) -> bool:
        """Whether a key frame has begun, of which more packets may come."""
        return bool(self._packets)

    @property
    def is_ahead(self) -> bool:
        """Whether key frames are being decoded that have not been given yet."""
        return bool(self._begun)

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
            self._decoder = self._new(self._parameters)
        # Also tells the decoder, since containers call frames key frames that are none.
        self._decoder.skip_frame = self._choice.skip

    def close(self) -> None:
        """What has begun is ended, and given to nobody."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def goes_on(self, packet: Packet[VideoStream]) -> bool:
        """Whether a packet belongs to the key frame before it."""
        if not self._packets or packet.pts is None:
            return False
        key = self._packets[0]
        return packet.pts == key.pts or (key.pts is None and packet.is_keyframe)

    def passes_over(self, packet: Packet[VideoStream]) -> bool:
        """Whether a packet need not be taken: it surely is no key frame, nor a part of one.

        There are fifty of these to a look, and sent to a decoder that skips them they still cost
        4 % of a busy camera's processor time, most of it in waiting for Python's lock.
        """
        return self._parsed and not self._packets and not packet.is_keyframe

    def take(
        self,
        packet: Packet[VideoStream],
        stats: SourceStats,
        due: Callable[[], float | None],
    ) -> None:
        """Begin a key frame that is due, or go on with it; to be drained before the next one.

        Cameras send a key frame in several packets of one time stamp. The decoder sees the other
        packets too, and skips them: it knows better than a container what is a key frame, unless
        that goes by what is in the packets (`passes_over`).
        """
        self._heed_parameters(packet)
        if self.goes_on(packet):
            self._packets.append(packet)
        elif packet.is_keyframe:
            self._due_s = due()
            if self._due_s is not None:
                self._packets.append(packet)
        elif not self._parsed and self._decoder.codec.canonical_name not in _MARKED_RIGHTLY:
            outcome = _decoded(self._decoder, [packet])
            stats.corrupt += outcome.failures
            self._unmarked += outcome.pictures

    def drain(self, stats: SourceStats, *, wholly: bool = False) -> list[Key]:
        """What is decoded by now, in order; the key frame that was begun is complete.

        Args:
            wholly: wait for all that has begun.
        """
        packets, self._packets = self._packets, []
        unmarked, self._unmarked = self._unmarked, []
        ahead = bool(packets) and self._may_go_ahead(stats)
        if ahead:
            self._begun.append((Key(packets[0], self._due_s, []), self._submit(packets)))
        done = []
        keep = 0 if wholly or unmarked or (packets and not ahead) else self._most_begun
        while len(self._begun) > keep:
            key, future = self._begun.popleft()
            done.append(key._replace(pictures=self._weighed(future.result(), stats)))
        if packets and not ahead:
            outcome = _decoded(self._decoder, packets, whole=True)
            self.begin()
            done.append(Key(packets[0], self._due_s, self._weighed(outcome, stats)))
            if self._most_begun and outcome.pictures and not self._is_proved:
                # With intra refresh the first one is a key frame, and the only one.
                if not self._is_first:
                    self._prove(packets, outcome.pictures)
                self._is_first = False
        if unmarked:
            done.append(Key(None, None, unmarked))
        return done

    def _may_go_ahead(self, stats: SourceStats) -> bool:
        """Whether the next key frames may be begun before it is known what this one gives.

        Not after one was damaged: then it matters which one is taken instead.
        """
        return self._most_begun > 0 and self._is_proved and not stats.corrupt

    def _heed_parameters(self, packet: Packet[VideoStream]) -> None:
        """Where other parameters come with a packet, no later one decodes without them.

        As in FLV files that were joined; the packet itself need not be one that is decoded.
        """
        if not packet.has_sidedata("new_extradata"):
            return
        parameters = bytes(packet.get_sidedata("new_extradata"))
        if parameters != self._parameters:
            self._parameters = parameters
            self._most_begun = 0
            _decoded(self._track, [packet], whole=True)
            self._track.flush_buffers()
            self.begin()

    def _prove(self, packets: Sequence[Packet[VideoStream]], pictures: list[VideoFrame]) -> None:
        """A decoder that knows nothing of the container must give the same picture.

        A container may say which way is up and what the colours mean, and only the track's own
        decoder hears it.
        """
        same = [_form(picture) for picture in self._decode_beside(packets).pictures]
        self._is_proved = same == [_form(picture) for picture in pictures]
        if not self._is_proved:
            self._most_begun = 0

    def _submit(self, packets: Sequence[Packet[VideoStream]]) -> Future[_Outcome]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="decode")
        return self._pool.submit(self._decode_beside, packets)

    def _decode_beside(self, packets: Sequence[Packet[VideoStream]]) -> _Outcome:
        decoder: VideoCodecContext | None = getattr(self._own, "decoder", None)
        if decoder is None:
            # as the track began: after other parameters none is begun ahead
            decoder = self._own.decoder = self._new(self._track.extradata)
            decoder.skip_frame = "NONKEY"
        outcome = _decoded(decoder, packets, whole=True)
        decoder.flush_buffers()
        return outcome

    def _new(self, parameters: bytes | None) -> VideoCodecContext:
        new = CodecContext.create(self._track.codec.name, "r")
        assert isinstance(new, VideoCodecContext)
        new.extradata = parameters
        new.thread_type, new.thread_count = "FRAME", 1
        return new

    def _weighed(self, outcome: _Outcome, stats: SourceStats) -> list[VideoFrame]:
        stats.corrupt += outcome.failures + (not outcome.pictures)
        if outcome.pictures or not outcome.is_damaged:
            self._choice.gave(bool(outcome.pictures))
        return outcome.pictures


def _decoded(
    decoder: VideoCodecContext, packets: Sequence[Packet[VideoStream]], *, whole: bool = False
) -> _Outcome:
    """What packets give.

    Args:
        whole: no more of this frame will come; a decoder that expects more holds it back.
    """
    pictures: list[VideoFrame] = []
    failures, is_damaged = 0, False
    for packet in packets:
        try:
            pictures += decoder.decode(packet)
        except FFmpegError:
            failures += 1
            is_damaged = True
        if packet.is_corrupt:
            pictures.clear()
            is_damaged = True
    if whole:
        try:
            pictures += decoder.decode(None)
        except FFmpegError:
            is_damaged = True
    return _Outcome(pictures, failures, is_damaged)


def _form(picture: VideoFrame) -> tuple[object, ...]:
    """What of a picture a container may decide."""
    matrix = display_matrix(picture)
    colours = picture.format.name, picture.colorspace, picture.color_range
    return picture.width, picture.height, *colours, None if matrix is None else matrix.tobytes()
