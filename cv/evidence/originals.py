"""Unmasked pictures: the one place where they are kept, found and read.

<data>/originals/<camera>    clean frames of incidents
<data>/originals/_photos     citizens' photos as they came
<data>/candidates/<camera>   first frames of what may become an incident

With `KERBWATCH_ORIGINALS_KEY` each is encrypted and its name ends in `.enc`. What was written
before there was a key stays as it is, and readable, until its deadline.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from cv.errors import UserError
from cv.evidence.sealing import KEY_VARIABLE, SealingKeys, sealing_keys
from cv.whole_file import sync_folder

__all__ = [
    "KINDS",
    "Kind",
    "Originals",
    "Together",
    "frame_file",
    "frame_time",
    "is_away",
    "is_sealed",
    "media_type",
    "open_originals",
    "photo_file",
    "plain_name",
    "write_durably",
]

Kind = Literal["originals", "candidates"]
Write = Callable[[Path, bytes], None]
KINDS: tuple[Kind, ...] = ("originals", "candidates")
_PHOTOS = "originals/_photos"
"""No camera's id begins with an underscore."""

_SEALED = ".enc"
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}


def frame_file(kind: Kind, camera: str, time: datetime) -> str:
    """What the clean frame of a look is called, relative to the data folder."""
    time = time.astimezone(UTC)
    milliseconds = time.microsecond // 1000
    return f"{kind}/{camera}/{time:%Y%m%dT%H%M%S}.{milliseconds:03d}Z.jpg"


def frame_time(file: str) -> datetime:
    """When a frame was taken, by its file; aware UTC, to the millisecond."""
    name = plain_name(file).rpartition("/")[2]
    return datetime.strptime(name, "%Y%m%dT%H%M%S.%fZ.jpg").replace(tzinfo=UTC)


def photo_file(name: str, mime: str) -> str:
    """What the original of a citizen's photo is called, relative to the data folder."""
    return f"{_PHOTOS}/{name}.{_SUFFIXES.get(mime, 'bin')}"


def is_away(folder: Path) -> bool:
    """Whether nothing is there: where a share is mounted there is nothing while it is away."""
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


def media_type(file: str) -> str:
    """Of the picture in a file of ours."""
    suffix = plain_name(file).rpartition(".")[2]
    return next((mime for mime, s in _SUFFIXES.items() if s == suffix), "application/octet-stream")


def is_sealed(file: str) -> bool:
    return file.endswith(_SEALED)


def plain_name(file: str) -> str:
    """The name without the mark of encryption."""
    return file.removesuffix(_SEALED)


def open_originals(data: Path) -> Originals:
    """The originals of a data folder, with the keys in the environment.

    Raises:
        UserError: `KERBWATCH_ORIGINALS_KEY` holds something that is no key.
    """
    return Originals(data, sealing_keys())


@dataclass(frozen=True, slots=True)
class Originals:
    """The originals of one data folder: kept, found, read, deleted.

    Attributes:
        data: the data folder.
        keys: None keeps them as plain files.
    """

    data: Path
    keys: SealingKeys | None = None

    @property
    def notice(self) -> str | None:
        """What to say at the start, if they will lie there unencrypted.

        Once, before the first; and whenever those before are encrypted: then a key got lost.
        """
        folder = self.data / "originals"
        if self.keys is not None:
            return None
        if any(folder.rglob(f"*{_SEALED}")):
            return (
                f"originals (unmasked) were encrypted, new ones are not: {KEY_VARIABLE} is not set"
            )
        if folder.exists():
            return None
        return (
            f"originals (unmasked) are kept unencrypted: set {KEY_VARIABLE} "
            "(`kerbwatch evidence key` makes one)"
        )

    @property
    def are_away(self) -> bool:
        """Whether not a single one is there: the share that holds them is not mounted, say."""
        return is_away(self.data / "originals")

    def keep(self, file: str, content: bytes, write: Write | None = None) -> str:
        """Write one; gives its file, which may have another name. One that is there stays.

        Args:
            write: writes a file, all of it or none; by default `write_durably`.

        Raises:
            OSError: the disk refuses it; then nothing of it is there.
        """
        known = self.find(file)
        if known:
            return known
        if self.keys is not None:
            content, file = self.keys.seal(content, file), file + _SEALED
        (write or write_durably)(self.data / file, content)
        return file

    def find(self, file: str) -> str | None:
        """The file under which one is kept, plain or encrypted; None if there is none."""
        kept = (name for name in (file, file + _SEALED) if (self.data / name).is_file())
        return next(kept, None)

    def find_photo(self, report: str, number: int) -> str | None:
        """The file of a citizen's photo, by its report and its number there, from 1."""
        kept = (self.data / _PHOTOS).glob(f"{report}-{number}-*")
        return next((f"{_PHOTOS}/{file.name}" for file in kept if file.suffix != ".tmp"), None)

    def read(self, file: str) -> bytes:
        """The picture as it was.

        Args:
            file: as `keep` or `find` gave it.

        Raises:
            OSError: it cannot be read.
            UserError: it is encrypted, and its key is not there; or it is damaged.
        """
        content = (self.data / file).read_bytes()
        if not is_sealed(file):
            return content
        if self.keys is None:
            raise UserError(f"{file}: encrypted, and there is no {KEY_VARIABLE}")
        return self.keys.open(content, plain_name(file))

    def drop(self, file: str) -> None:
        """Delete one, if it is there."""
        (self.data / file).unlink(missing_ok=True)


class Together:
    """Files that come to be together when the block ends well; otherwise none of them does.

    What a disk refuses, it refuses before the first has its name.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def write(self, path: Path, content: bytes) -> None:
        """Write one, for now beside its place.

        Raises:
            OSError: the disk refuses it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        # A client that resends a photo while the first is in work writes the same file beside
        # itself.
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
        self._waiting.append((temporary, path))
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            named = () if failed else self._waiting
            for temporary, path in named:
                temporary.replace(path)
            # The folder may be new as well, and then its name is in the one above.
            for folder in {above for _, path in named for above in path.parents[:2]}:
                sync_folder(folder)
        finally:
            for temporary, _path in self._waiting:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)  # it would take the room of a case


def write_durably(path: Path, content: bytes) -> None:
    """All of the file or none of it, on the disk before the row that names it.

    Raises:
        OSError: the disk refuses it.
    """
    with Together() as files:
        files.write(path, content)
