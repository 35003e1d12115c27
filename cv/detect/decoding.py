"""One opened video: its sound frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import av
from av import CodecContext, Packet, VideoFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from cv.detect.damage import DamageFilter, Decoded
from cv.detect.keyframes import Decode, KeyframeChoice
from cv.detect.media_time import StampGuess
from cv.detect.opening import open_container
from cv.detect.packets import indexed_keyframes, packets, seconds
from cv.detect.source_url import SourceUrl
from cv.detect.sources import SourceStats
from cv.errors import SourceError

__all__ = ["Decoded", "Video"]

_KNOWN_BY_THEIR_HEADERS = ("h264", "hevc")
"""Whose decoders need nothing of a container but its `extradata`."""
_MARKED_RIGHTLY = ("vp8", "vp9", "av1")
"""Whose containers know key frames, and whose decoders take others, even first, for damage."""


class _Decoding(NamedTuple):
    """What goes along through one reading of a video."""

    damage: DamageFilter
    stats: SourceStats
    timer: Callable[[], float]
    due: Callable[[float | None], bool]


class Video:
    """An opened file or stream with its best video track.

    Args:
        every_s: seconds between looks; None is every frame.
        live: a camera's stream. Of one whose key frames' distance is not known yet, only those are
            decoded: a hundred cameras that begin at once must not decode everything at once.
        most_threads: for decoding. One, or whole frames in parallel: FFmpeg's slice threads
            switch the detection of damage off, so they are never used.

    Raises:
        SourceError: it cannot be opened or holds no video that can be decoded; RefusedError for a
            wrong password and the like.
    """

    def __init__(
        self,
        uri: Path | SourceUrl,
        *,
        decode: Decode,
        every_s: float | None,
        live: bool = False,
        most_threads: int = 1,
    ) -> None:
        self.uri = uri
        self._container = open_container(uri)
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            self._container.close()
            raise SourceError(f"{uri}: no video in it")
        if stream.codec_context is None:
            self._container.close()
            raise SourceError(f"{uri}: its video codec is not known here")
        self._stream = stream
        self._stamps = StampGuess()
        self._key: Packet[VideoStream] | None = None  # of the key frame that is being decoded
        self._parts: list[VideoFrame] = []
        self._choice = KeyframeChoice(
            decode, every_s, stamps_s=indexed_keyframes(stream), hopeful=live
        )
        self._threads = 1 if self._choice.alone else most_threads
        self._live = live
        stream.codec_context.thread_type = "FRAME"
        stream.codec_context.thread_count = self._threads
        self._follow_choice()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def format(self) -> str:
        """FFmpeg's name of the container format."""
        return self._container.format.name

    @property
    def duration_s(self) -> float | None:
        """Length by the container's own account; None of what is live."""
        if self._container.duration and self._container.duration > 0:
            return self._container.duration / av.time_base
        if self._stream.duration and self._stream.duration > 0 and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return None

    @property
    def origin_s(self) -> float | None:
        """Time stamp at which the track begins, in seconds."""
        return seconds(self._stream, self._stream.start_time)

    @property
    def step_s(self) -> float:
        """Seconds per frame by the container's own account, else 1/25."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate and 0.01 <= rate <= 1000 else 0.04

    @property
    def metadata(self) -> dict[str, str]:
        """Tags of the container, and those that only the track has."""
        return {**self._stream.metadata, **self._container.metadata}

    @property
    def keyframes_only(self) -> bool:
        """Whether only key frames are decoded, as of now."""
        return self._choice.alone

    @property
    def keyframe_distance_s(self) -> float | None:
        """Seconds between key frames, as far as is known."""
        return self._choice.distance_s

    @property
    def spacing_s(self) -> float:
        """Seconds between the frames that come, where only key frames do; else 0."""
        return (self._choice.distance_s or 0.0) if self._alone else 0.0

    def frames(
        self,
        stats: SourceStats,
        stopped: Callable[[], bool] = lambda: False,
        timer: Callable[[], float] = time.monotonic,
        due: Callable[[float | None], bool] = lambda _: True,
        rest: Callable[[], None] = lambda: None,
    ) -> Iterator[Decoded]:
        """Sound frames in display order; counts decoded and corrupt ones.

        Ends with the video or when `stopped` says so. To be iterated once.

        Args:
            due: whether to decode a key frame with this time stamp, where only those are decoded.
            rest: called where only those are decoded, after each frame that is not.

        Raises:
            SourceError: after the last frame, if reading failed before the video's end.
        """
        decoding = _Decoding(DamageFilter(self._threads, stats), stats, timer, due)
        problem: SourceError | None = None
        try:
            for packet in packets(self._container, self._stream, self.uri):
                if stopped():
                    return
                yield from self._take(packet, decoding)
                if self._alone and self._key is None:
                    rest()
        except SourceError as error:
            problem = error
        yield from self._rest(decoding)
        if problem:
            raise problem

    def _take(self, packet: Packet[VideoStream], decoding: _Decoding) -> Iterator[Decoded]:
        """Frames that a packet completes."""
        stamp_s = seconds(self._stream, packet.pts)
        if packet.is_keyframe:
            self._choice.saw(stamp_s)
            if self._choice.alone != self._alone:
                yield from self._rest(decoding)
                self._follow_choice()
        if not self._alone:
            decoding.damage.sent(packet, stamp_s)
            yield from self._decode(packet, decoding)
        else:
            yield from self._decode_alone(packet, decoding)

    def _follow_choice(self) -> None:
        self._alone = self._choice.alone
        self._decoder = self._stream.codec_context
        if self._alone:
            self._begin_anew()
        # Also tells the decoder, since containers call frames key frames that are none.
        self._decoder.skip_frame = self._choice.skip

    def _begin_anew(self) -> None:
        """Before a key frame by itself.

        A decoder that goes on keeps the memory of three pictures, 6 MB at 1080p. So a live
        camera's, of which there are many, makes way for a new one. (The track's own, which stays,
        is not used for the first one either.)
        """
        old = self._decoder
        if not self._live or old.codec.canonical_name not in _KNOWN_BY_THEIR_HEADERS:
            if old.is_open:
                old.flush_buffers()
            return
        new = CodecContext.create(old.codec.name, "r")
        assert isinstance(new, VideoCodecContext)
        new.extradata = old.extradata
        new.thread_type, new.thread_count = "FRAME", self._threads
        new.skip_frame = self._choice.skip
        self._decoder = new

    def _rest(self, decoding: _Decoding) -> Iterator[Decoded]:
        """What is still in the decoder, which may then begin anew."""
        if self._alone:
            yield from self._drain(decoding)
            return
        yield from self._decode(None, decoding)
        yield from decoding.damage.rest()
        self._decoder.flush_buffers()

    def _decode(self, packet: Packet[VideoStream] | None, decoding: _Decoding) -> Iterator[Decoded]:
        """Frames that a packet completes; without a packet, those left in the decoder."""
        try:
            pictures = self._decoder.decode(packet)
        except EOFError:
            return
        except FFmpegError:
            decoding.damage.failed()
            return
        yield from decoding.damage.passed(self._numbered(pictures, decoding))

    def _decode_alone(self, packet: Packet[VideoStream], decoding: _Decoding) -> Iterator[Decoded]:
        """A key frame by itself, one packet later: a decoder that expects more holds it back.

        Cameras send a key frame in several packets of one time stamp. The decoder sees the other
        packets too, and skips them: it knows better than a container what is a key frame.
        """
        if not self._goes_on(packet):
            yield from self._drain(decoding)
            if not packet.is_keyframe and self._decoder.codec.canonical_name in _MARKED_RIGHTLY:
                return
        if packet.is_keyframe and not decoding.due(seconds(self._stream, packet.pts)):
            return
        if packet.is_keyframe:
            self._key = packet
        try:
            self._parts += self._decoder.decode(packet)
        except FFmpegError:
            decoding.stats.corrupt += 1
        if packet.is_corrupt:
            self._parts.clear()

    def _goes_on(self, packet: Packet[VideoStream]) -> bool:
        """Whether a packet belongs to the key frame before it."""
        key = self._key
        if key is None or packet.pts is None:
            return False
        return packet.pts == key.pts or (key.pts is None and packet.is_keyframe)

    def _drain(self, decoding: _Decoding) -> Iterator[Decoded]:
        """The key frame that was begun, if one was."""
        pictures, self._parts = self._parts, []
        if self._key is not None:
            self._key = None
            with suppress(FFmpegError):
                pictures += self._decoder.decode(None)
            self._begin_anew()
            decoding.stats.corrupt += not pictures
        for decoded in self._numbered(pictures, decoding):
            if decoded.picture.is_corrupt:
                decoding.stats.corrupt += 1
            else:
                yield decoded

    def _numbered(self, pictures: Iterable[VideoFrame], decoding: _Decoding) -> list[Decoded]:
        numbered = []
        for picture in pictures:
            stamp_s = seconds(self._stream, self._stamps.best(picture.pts, picture.dts))
            numbered.append(Decoded(picture, decoding.stats.decoded, stamp_s, decoding.timer()))
            decoding.stats.decoded += 1
        return numbered
