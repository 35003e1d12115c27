"""One opened video: its sound frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import av
from av import Packet
from av.error import FFmpegError
from av.video.stream import VideoStream

from cv.detect.damage import DamageFilter, Decoded
from cv.detect.media_time import StampGuess
from cv.detect.opening import open_container, problem_of
from cv.detect.source_url import SourceUrl
from cv.detect.sources import SourceStats
from cv.errors import SourceError

__all__ = ["Decoded", "Video"]

_MOST_READ_FAILURES = 100


class Video:
    """An opened file or stream with its best video track.

    Args:
        keyframes: decode only key frames.
        threads: for decoding. One, or whole frames in parallel: FFmpeg's slice threads switch the
            detection of damage off, so they are never used.

    Raises:
        SourceError: it cannot be opened or holds no video that can be decoded; RefusedError for a
            wrong password and the like.
    """

    def __init__(self, uri: Path | SourceUrl, *, keyframes: bool, threads: int = 1) -> None:
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
        self._threads = threads
        self._stamps = StampGuess()
        context = stream.codec_context
        context.thread_type = "FRAME"
        context.thread_count = threads
        context.skip_frame = "NONKEY" if keyframes else "DEFAULT"

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        return self._seconds(self._stream.start_time)

    @property
    def step_s(self) -> float:
        """Seconds per frame by the container's own account, else 1/25."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate and 0.01 <= rate <= 1000 else 0.04

    @property
    def metadata(self) -> dict[str, str]:
        """Tags of the container, and those that only the track has."""
        return {**self._stream.metadata, **self._container.metadata}

    def frames(
        self,
        stats: SourceStats,
        stopped: Callable[[], bool] = lambda: False,
        timer: Callable[[], float] = time.monotonic,
    ) -> Iterator[Decoded]:
        """Sound frames in display order; counts decoded and corrupt ones.

        Ends with the video or when `stopped` says so. To be iterated once.

        Raises:
            SourceError: after the last frame, if reading failed before the video's end.
        """
        damage = DamageFilter(self._threads, stats)
        problem: SourceError | None = None
        try:
            for packet in self._packets():
                if stopped():
                    return
                damage.sent(packet, self._seconds(packet.pts))
                yield from self._decode(packet, damage, stats, timer)
        except SourceError as error:
            problem = error
        yield from self._decode(None, damage, stats, timer)
        yield from damage.rest()
        if problem:
            raise problem

    def _decode(
        self,
        packet: Packet[VideoStream] | None,
        damage: DamageFilter,
        stats: SourceStats,
        timer: Callable[[], float],
    ) -> Iterator[Decoded]:
        """Frames that a packet completes; without a packet, those left in the decoder."""
        try:
            pictures = self._stream.codec_context.decode(packet)
        except EOFError:
            return
        except FFmpegError:
            damage.failed()
            return
        decoded = []
        for picture in pictures:
            stamp_s = self._seconds(self._stamps.best(picture.pts, picture.dts))
            decoded.append(Decoded(picture, stats.decoded, stamp_s, timer()))
            stats.decoded += 1
        yield from damage.passed(decoded)

    def _seconds(self, stamp: int | None) -> float | None:
        if stamp is None or self._stream.time_base is None:
            return None
        return float(stamp * self._stream.time_base)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the track; unreadable pieces are skipped, an end too soon is raised."""
        failures = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    if packet.size:  # an empty one would end decoding
                        yield packet
                return
            except FFmpegError as error:
                failures += 1
                if not isinstance(error, av.error.InvalidDataError):
                    problem = problem_of(self.uri, error)
                elif failures > _MOST_READ_FAILURES:
                    problem = SourceError(f"{self.uri}: the video is damaged from here on")
                else:
                    continue
            raise problem
