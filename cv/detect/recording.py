"""Recordings: frames by media time, from the first to the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from cv.cpus import usable_cpus
from cv.detect.decoding import Video
from cv.detect.keyframes import Decode
from cv.detect.opening import DamagedError
from cv.detect.picture import Upright
from cv.detect.schedule import Schedule
from cv.detect.sources import Frame, Source, SourceStats
from cv.detect.start_time import StartSource, find_start
from cv.errors import SourceError
from cv.source_url import SourceUrl

__all__ = ["CHINA_TIME", "Recording", "check_every", "open_recording"]

log = logging.getLogger(__name__)

CHINA_TIME = ZoneInfo("Asia/Shanghai")
_MOST_THREADS = 4  # each holds a frame; looking, not decoding, is the slower part then


def check_every(every_s: float | None) -> None:
    """Refuse a distance between looks that is not more than nothing (SourceError)."""
    if every_s is not None and not 0 < every_s < float("inf"):
        raise SourceError(f"{every_s:g} s between looks: must be more than 0")


def open_recording(
    source: Source,
    *,
    every_s: float | None,
    decode: Decode = Decode.AUTO,
    start: datetime | None = None,
    tz: tzinfo = CHINA_TIME,
) -> Recording:
    """Open a recording and find out when it began.

    Args:
        every_s: seconds of media time between looks; None looks at every frame.
        decode: which frames; with key frames only, looks fall on those.
        start: when it began, if known better than by the file.
        tz: the zone of a `start` without offset and of times in file names.

    Raises:
        SourceError: it cannot be opened, holds no video, or `every_s` is not more than 0.
    """
    check_every(every_s)
    threads = min(usable_cpus(), _MOST_THREADS)
    video = Video(source.uri, decode=decode, every_s=every_s, most_threads=threads)
    return Recording(video, source, every_s=every_s, start=start, tz=tz)


class Recording:
    """An opened recording: iterate once over its looks, then close it (or use `with`).

    Attributes:
        stats: counts, kept up to date while iterating.
        duration_s: length by the file's own account, if it has one.
        start: when it began, aware UTC.
        start_source: how that is known.
    """

    def __init__(
        self,
        video: Video,
        source: Source,
        *,
        every_s: float | None,
        start: datetime | None,
        tz: tzinfo,
        stats: SourceStats | None = None,
    ) -> None:
        self._video = video
        self._upright = Upright()
        self._every_s = every_s
        self.name = source.name
        self.duration_s = source.duration_s = video.duration_s
        self.stats = source.stats = stats or SourceStats()
        self._tz = tz
        now = datetime.now(UTC)
        self.start, self.start_source = find_start(
            given=start,
            metadata=video.metadata,
            name=_file_name(source.uri),
            ended=_last_written(source.uri, now),
            duration_s=self.duration_s,
            tz=tz,
            now=now,
        )

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; harmless when repeated."""
        self._video.close()

    def say_if_guessed(self) -> None:
        """Log when it is taken to begin, if nothing but its file's time tells."""
        if self.start_source is StartSource.MODIFIED:
            start = self.start.astimezone(self._tz).isoformat(sep=" ", timespec="seconds")
            log.warning(
                "%s: no time in the file or its name; taken to begin at %s, which is a guess: "
                "give --start, or a name like gate_20260314_153000.mp4",
                self.name,
                start,
            )

    def __iter__(self) -> Iterator[Frame]:
        """Looks in the order of time; the first sound frame always is one.

        Damaged frames are skipped and counted, a file that was cut off ends where it does.

        Raises:
            SourceError: not one frame could be decoded, or it could not be read to its end.
        """
        schedule = Schedule(self._video, self._every_s)
        try:
            for decoded in self._video.frames(self.stats, due=schedule.asks, make_up=True):
                media_s = schedule.look_s(decoded)
                if media_s is None:
                    continue
                picture = self._upright.picture(decoded.picture)
                if picture is None:
                    self.stats.corrupt += 1
                    continue
                schedule.take(decoded, media_s)
                self.stats.looks += 1
                self.stats.missed = schedule.missed
                time = self.start + timedelta(seconds=media_s)
                yield Frame(picture, time, media_s, decoded.index)
        except DamagedError as error:
            log.warning("%s", error)
        self._check_out()

    def _check_out(self) -> None:
        if not self.stats.looks:
            raise SourceError(
                f"{self.name}: not one frame could be decoded ({self.stats.corrupt} damaged)"
            )
        if self.stats.corrupt:
            log.warning("%s: %d damaged frames were skipped", self.name, self.stats.corrupt)


def _file_name(uri: Path | SourceUrl) -> str:
    if isinstance(uri, Path):
        return uri.name
    return PurePosixPath(unquote(urlsplit(uri.reveal()).path)).name


def _last_written(uri: Path | SourceUrl, now: datetime) -> datetime:
    """A file's time of modification; of one on a web server nothing is known."""
    if not isinstance(uri, Path):
        return now
    try:
        return datetime.fromtimestamp(uri.stat().st_mtime, UTC)
    except OSError as error:  # it was there when it was opened
        raise SourceError(f"{uri}: {error.strerror}") from error
