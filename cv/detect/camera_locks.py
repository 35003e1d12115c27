"""One process at a time watches a camera live with a data folder: two would do everything twice.

Recordings need no turn: a second run over one finds the ids of the first, and an archive may be
gone through beside the live watch.
"""

from __future__ import annotations

import fcntl
import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Self

from cv.errors import SourceError

__all__ = ["CameraLocks", "WatchedError", "unclaimed"]

_FILE = "watched.lock"
_FLOCK = "@hhqqi0q"
"""Linux's `struct flock`: type, whence, start, length, pid."""


class WatchedError(SourceError):
    """Another process watches the camera."""


def unclaimed() -> None:
    """Stands in for `CameraLocks.take` where nobody else could watch."""


class CameraLocks:
    """The cameras that this process watches live; a context manager that lets go of them.

    Each camera is a byte of one file, and the kernel locks it: who is killed holds nothing, and a
    patrol of thousands of cameras needs one descriptor. The process holds a lock, so within one
    run a camera may have several streams, as ever; and it must not open the file a second time.

    Args:
        folder: the data folder. Where the disk has no locks, or no room for the file, cameras are
            watched without: a case that two processes file is still one.
    """

    def __init__(self, folder: Path) -> None:
        self._file: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)

    def take(self, camera: str) -> None:
        """Hold the camera of this id, from now on; harmless when repeated.

        Raises:
            WatchedError: another process does.
        """
        if self._file is None:
            return
        place = int.from_bytes(blake2b(camera.encode(), digest_size=6).digest(), "little")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            pid = self._holder(place)
            who = f" (pid {pid})" if pid > 0 else ""
            raise WatchedError(f"camera {camera} is watched by another process{who}") from None
        except OSError:
            return

    def _holder(self, place: int) -> int:
        """Its pid; not above 0 where that says nothing here: on another machine, say."""
        assert self._file is not None
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        kind, *_, pid = struct.unpack(_FLOCK, fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(pid)
