"""One opened video: its sound frames."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
from av import Packet, VideoFrame
from av.error import FFmpegError
from av.video.stream import VideoStream

from cv.detect.damage import DamageFilter, Decoded
from cv.detect.key_decoder import KeyDecoder
from cv.detect.keyframes import Decode, KeyframeChoice
from cv.detect.media_time import StampGuess
from cv.detect.opening import open_container
from cv.detect.packets import indexed_keyframes, packets, seconds
from cv.detect.sources import SourceStats
from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["Decoded", "Video"]

_MOST_KEPT = 1000  # packets: 40 s, and 20 MB at 4 Mbps
_PARSED = ("rtsp",)
"""Formats whose key frames FFmpeg's own parsers find, by what decoders go by, too."""
_LONGEST_S = 366 * 86_400.0  # a header that says more is damaged


class _Decoding(NamedTuple):
    """What goes along through one reading of a video.

    Attributes:
        kept: packets since the last key frame that is known to be one, to be decoded whole if
            those after it are none.
    """

    damage: DamageFilter
    stats: SourceStats
    timer: Callable[[], float]
    due: Callable[[float | None], float | None]
    kept: deque[Packet[VideoStream]]


class Video:
    """An opened file or stream with its best video track.

    Args:
        every_s: seconds between looks; None is every frame.
        live: a camera's stream. Of one whose key frames' distance is not known yet, only those are
            decoded: a hundred cameras that begin at once must not decode everything at once.
        attended: see `open_container`.
        most_threads: for decoding. One, or whole frames in parallel: FFmpeg's slice threads
            switch the detection of damage off, so they are never used.

    Attributes:
        delta_bytes: size of all frames that came and are no key frames.

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
        attended: bool = False,
        most_threads: int = 1,
    ) -> None:
        self.uri = uri
        self.delta_bytes = 0
        self._container = open_container(uri, attended=attended)
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            self._container.close()
            raise SourceError(f"{uri}: no video in it")
        if stream.codec_context is None:
            self._container.close()
            raise SourceError(f"{uri}: its video codec is not known here")
        self._stream = stream
        self._stamps = StampGuess()
        self._latest_s: float | None = None  # the last picture's time stamp
        self._choice = KeyframeChoice(
            decode, every_s, stamps_s=indexed_keyframes(stream), hopeful=live
        )
        self._threads = 1 if self._choice.alone else most_threads
        self._decoder = stream.codec_context
        self._decoder.thread_type = "FRAME"
        self._decoder.thread_count = self._threads
        parsed = self.format in _PARSED
        self._keys = KeyDecoder(
            self._decoder, self._choice, live=live, parsed=parsed, threads=most_threads
        )
        self._follow_choice()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._keys.close()
        self._container.close()

    @property
    def format(self) -> str:
        """FFmpeg's name of the container format."""
        return self._container.format.name

    @property
    def duration_s(self) -> float | None:
        """Length by the container's own account; None of what is live, or has a damaged header."""
        length_s = seconds(self._stream, self._stream.duration)
        if self._container.duration and self._container.duration > 0:
            length_s = self._container.duration / av.time_base
        return length_s if length_s and 0 < length_s <= _LONGEST_S else None

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
    def decode(self) -> Decode:
        """As asked for; ALL once key frames proved not to be decodable by themselves."""
        return self._choice.decode

    @property
    def keyframes_only(self) -> bool:
        """Whether only key frames are decoded, as of now."""
        return self._choice.alone

    @property
    def is_ahead(self) -> bool:
        """Whether key frames are being decoded that have not been given yet."""
        return self._keys.is_ahead

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
        due: Callable[[float | None], float | None] = lambda _: 0.0,
        rest: Callable[[], None] = lambda: None,
        *,
        make_up: bool = False,
    ) -> Iterator[Decoded]:
        """Sound frames in display order; counts decoded and corrupt ones.

        Ends with the video or when `stopped` says so. To be iterated once.

        Args:
            due: the time for which to decode a key frame with this time stamp, where only those are
                decoded; None does not. Of a recording it may be asked of some more before the first
                of them is given.
            rest: called where only those are decoded, after each frame that is not.
            make_up: give frames late, rather than not at all, that key frames alone did not give.

        Raises:
            SourceError: after the last frame, if reading failed before the video's end.
        """
        keeps = make_up and self.decode is Decode.AUTO
        kept: deque[Packet[VideoStream]] = deque(maxlen=_MOST_KEPT if keeps else 0)
        decoding = _Decoding(DamageFilter(self._threads, stats), stats, timer, due, kept)
        problem: SourceError | None = None
        try:
            for packet in packets(self._container, self._stream, self.uri):
                if stopped():
                    return
                if packet is None:
                    continue
                if not packet.is_keyframe:
                    self.delta_bytes += packet.size
                if not (self._alone and self._keys.passes_over(packet)):
                    yield from self._take(packet, decoding)
                if self._alone and not self._keys.is_reading:
                    rest()
        except SourceError as error:
            problem = error
        yield from self._rest(decoding)
        if kept and self._choice.dark:  # too few to be sure, but there are no more
            self._choice.give_up()
            yield from self._change(decoding)
            yield from self._rest(decoding)
        if problem:
            raise problem

    def _take(self, packet: Packet[VideoStream], decoding: _Decoding) -> Iterator[Decoded]:
        """Frames that a packet completes."""
        if self._alone and not self._keys.goes_on(packet):
            yield from self._drain(decoding)
        stamp_s = seconds(self._stream, packet.pts)
        if packet.is_keyframe:
            self._choice.saw(stamp_s)
        if self._choice.alone != self._alone:
            yield from self._change(decoding)
        if packet.is_keyframe and not self._alone:
            decoding.kept.clear()
        decoding.kept.append(packet)
        if self._alone:
            self._keys.take(packet, decoding.stats, lambda: decoding.due(stamp_s))
        else:
            yield from self._decode_whole(packet, decoding)

    def _change(self, decoding: _Decoding) -> Iterator[Decoded]:
        """From key frames alone to all, or back."""
        yield from self._rest(decoding)
        self._follow_choice()
        if self._choice.dark:
            # They were not damaged, but never to be decoded by themselves.
            decoding.stats.corrupt -= self._choice.dark
            self._choice.dark = 0
            yield from self._make_up(decoding)

    def _make_up(self, decoding: _Decoding) -> Iterator[Decoded]:
        """What key frames alone did not give."""
        shown_s = self._latest_s
        self._stamps = StampGuess()
        for packet in decoding.kept:
            for decoded in self._decode_whole(packet, decoding):
                if shown_s is None or decoded.stamp_s is None or decoded.stamp_s > shown_s:
                    yield decoded

    def _follow_choice(self) -> None:
        self._alone = self._choice.alone
        self._decoder.skip_frame = self._choice.skip
        if self._alone:
            self._keys.begin()

    def _rest(self, decoding: _Decoding) -> Iterator[Decoded]:
        """What is still in the decoder, which may then begin anew."""
        if self._alone:
            yield from self._drain(decoding, wholly=True)
            return
        yield from self._decode(None, decoding)
        yield from decoding.damage.rest()
        self._decoder.flush_buffers()

    def _decode_whole(self, packet: Packet[VideoStream], decoding: _Decoding) -> Iterator[Decoded]:
        decoding.damage.sent(packet, seconds(self._stream, packet.pts))
        yield from self._decode(packet, decoding)

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

    def _drain(self, decoding: _Decoding, *, wholly: bool = False) -> Iterator[Decoded]:
        """The key frames that are decoded by now."""
        for key in self._keys.drain(decoding.stats, wholly=wholly):
            while key.pictures and decoding.kept and decoding.kept[0] is not key.packet:
                decoding.kept.popleft()
            for decoded in self._numbered(key.pictures, decoding, key.due_s):
                if decoded.picture.is_corrupt:
                    decoding.stats.corrupt += 1
                else:
                    yield decoded

    def _numbered(
        self, pictures: Iterable[VideoFrame], decoding: _Decoding, due_s: float | None = None
    ) -> list[Decoded]:
        numbered = []
        for picture in pictures:
            stamp_s = seconds(self._stream, self._stamps.best(picture.pts, picture.dts))
            index, at_s = decoding.stats.decoded, decoding.timer()
            numbered.append(Decoded(picture, index, stamp_s, at_s, due_s))
            decoding.stats.decoded += 1
            self._latest_s = stamp_s
        return numbered
