"""What there is to look at: photos, recordings and streams, and the frames they give."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cv.detect.picture import Picture
from cv.errors import SourceError
from cv.geometry import Image
from cv.source_url import SourceUrl, redact

__all__ = [
    "PHOTO_SUFFIXES",
    "RECORDING_SUFFIXES",
    "Frame",
    "Source",
    "SourceKind",
    "SourceStats",
    "find_sources",
    "walk_sources",
]

log = logging.getLogger(__name__)

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
RECORDING_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"),
    *(".ps", ".flv", ".wmv", ".asf", ".3gp", ".dav", ".264", ".h264", ".265", ".h265", ".hevc"),
)


class SourceKind(StrEnum):
    PHOTO = "photo"
    RECORDING = "recording"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture to look at.

    Attributes:
        picture: upright; what is asked of it is converted then.
        time: aware UTC; media time of a recording, wall time of arrival of a stream.
        media_s: seconds since the source's start, never falling.
        index: number of the frame among all that were decoded, from 0.
        is_live: a stream's.
    """

    picture: Picture
    time: datetime
    media_s: float
    index: int
    is_live: bool = False

    @property
    def image(self) -> Image:
        """All pixels, uint8 [height, width, 3], BGR; converted anew at every call."""
        return self.picture.bgr()


@dataclass(slots=True)
class SourceStats:
    """Counts of one source; written by its reader, read by any thread.

    Attributes:
        decoded: frames that came out of the decoder, damaged ones included.
        looks: frames given out.
        missed: looks that were due and not made, because frames or time for them were lacking.
        late: looks made more than one interval after a frame for them had come.
        spared: looks at a still view that were left out, see `cv.detect.every_second`.
        unchanged: looks that needed no inference, because nothing had changed.
        keyframes_only: whether only key frames are decoded, as of now.
        keyframe_s: seconds between key frames, once known.
        corrupt: frames left out because they, or one they were built on, were damaged, and pieces
            of video that could not be decoded at all.
        reconnects: times a lost or refused stream was dialled again.
        failures: times a stream could not be opened or was lost.
    """

    decoded: int = 0
    looks: int = 0
    missed: int = 0
    late: int = 0
    spared: int = 0
    unchanged: int = 0
    keyframes_only: bool = False
    keyframe_s: float | None = None
    corrupt: int = 0
    reconnects: int = 0
    failures: int = 0


@dataclass(slots=True, eq=False)
class Source:
    """A photo, recording or stream; `duration_s` is known once a recording has been opened."""

    kind: SourceKind
    uri: Path | SourceUrl
    duration_s: float | None = None
    stats: SourceStats = field(default_factory=SourceStats)

    @property
    def name(self) -> str:
        """The path or address as given, without its secrets."""
        return str(self.uri)

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            SourceError: it is not a file but an address.
        """
        if isinstance(self.uri, SourceUrl):
            raise SourceError(f"{self.uri}: not a file")
        return self.uri


def find_sources(arguments: Sequence[str]) -> list[Source]:
    """What `walk_sources` gives, all at once."""
    return list(walk_sources(arguments))


def walk_sources(arguments: Iterable[str]) -> Iterator[Source]:
    """Photos and recordings of files, folders (with all below, sorted) and patterns, and URLs.

    An address is a stream even if it ends in .mp4, as live ones do too: only opening it tells
    (Stream.__iter__). What is named twice is taken once.

    Raises:
        SourceError: an argument is nothing that exists, has an unknown type, or a folder or
            pattern holds neither photo nor recording.
    """
    seen: set[int] = set()  # hashes: of a hundred thousand paths, a tenth of their size
    for argument in arguments:
        for source in _find(argument):
            uri = source.uri
            mark = hash(uri if isinstance(uri, SourceUrl) else os.path.realpath(uri))
            if mark not in seen:
                seen.add(mark)
                yield source


def _find(argument: str) -> Iterator[Source]:
    if "://" in argument:
        yield Source(SourceKind.STREAM, SourceUrl(argument))
        return
    path, is_file, is_folder = _looked_up(argument)
    if is_file:
        yield _file(path)
    elif is_folder:
        nothing = f"{path}: no photo or video in this folder; allowed are {_allowed()}"
        yield from _some(_usable(_below(path)), nothing)
    else:
        yield from _matching(argument, str(path))


def _looked_up(argument: str) -> tuple[Path, bool, bool]:
    """A path, and whether it is a file or a folder."""
    try:
        path = Path(argument).expanduser()
        return path, path.is_file(), path.is_dir()
    except OSError as error:
        raise SourceError(f"{argument}: {error.strerror}") from error
    except RuntimeError as error:  # ~ of somebody unknown
        raise SourceError(f"{argument}: {error}") from error


def _matching(argument: str, pattern: str) -> Iterator[Source]:
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  Path.glob takes no absolute pattern
    if not names:
        what = "nothing matches" if glob.has_magic(argument) else "no such file or folder"
        raise SourceError(
            f"{redact(argument)}: {what}; give photos, videos, folders, patterns, "
            "or rtsp://, rtsps://, http:// or https:// addresses"
        )
    nothing = f"{redact(argument)}: no photo or video matches; allowed are {_allowed()}"
    yield from _some((source for name in names for source in _match(Path(name))), nothing)


def _some(sources: Iterable[Source], nothing: str) -> Iterator[Source]:
    """The same, but an error if there is none."""
    empty = True
    for source in sources:
        empty = False
        yield source
    if empty:
        raise SourceError(nothing)


def _match(path: Path) -> Iterator[Source]:
    return _usable(_below(path)) if path.is_dir() else _usable([path])


def _below(folder: Path) -> Iterator[Path]:
    """Files in a folder and its folders, sorted; hidden ones are left out."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                (entry.name, entry.is_dir(), entry.is_symlink(), entry.is_file())
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError as error:
        log.warning("%s: %s; left out", folder, error.strerror)
        return
    for name, is_folder, is_link, is_file in names:
        path = folder / name
        if is_folder and is_link:
            # Followed, one that leads back up would never end.
            log.warning("%s: a link to a folder; left out, name it beside this one", path)
        elif is_folder:
            yield from _below(path)
        elif is_file:
            yield path


def _usable(paths: Iterable[Path]) -> Iterator[Source]:
    for path in paths:
        kind = _kind(path.suffix)
        if kind:
            yield Source(kind, path)


def _file(path: Path) -> Source:
    kind = _kind(path.suffix)
    if kind is None:
        raise SourceError(f"{path}: not a photo or video by its name; allowed are {_allowed()}")
    return Source(kind, path)


def _kind(suffix: str) -> SourceKind | None:
    if suffix.lower() in PHOTO_SUFFIXES:
        return SourceKind.PHOTO
    return SourceKind.RECORDING if suffix.lower() in RECORDING_SUFFIXES else None


def _allowed() -> str:
    return " ".join((*PHOTO_SUFFIXES, *RECORDING_SUFFIXES))
