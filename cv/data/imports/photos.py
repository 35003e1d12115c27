"""Finds the photos that an export names, below a folder and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath

from cv.errors import ModelError

__all__ = ["Photos"]

# Also types that are refused later: so the message is about the photo's type, not its absence.
_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".avif"}
)


class Photos:
    """The photos below a folder.

    Names from an export are only looked up among these, so that `../../etc/passwd` finds nothing.

    Raises:
        ModelError: there are none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in _SUFFIXES and file.is_file()
        )
        if not self.files:
            raise ModelError(f"{folder}: no photos there")
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            self._by_name[file.name].append(file)

    def name(self, photo: Path) -> str:
        """Path below the folder; what cannot be printed (line breaks, bytes) becomes `_`."""
        name = photo.relative_to(self.folder).as_posix()
        return "".join(c if c.isprintable() else "_" for c in name)

    def find(self, name: str, where: str) -> Path:
        """The photo that an export means by a path of its own machine.

        Raises:
            ModelError: there is none, or several fit equally well; begins with `where`.
        """
        found = self.best(name)
        if not found:
            raise ModelError(f"{where}: photo {name!r} is not below {self.folder}")
        if len(found) > 1:
            raise ModelError(
                f"{where}: photo {name!r} may be {found[0]} or {found[1]}; narrow --images"
            )
        return found[0]

    def best(self, name: str) -> list[Path]:
        """Photos of that file name whose folders agree with it furthest from the end."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        found = self._by_name.get(parts[-1], []) if parts else []
        if len(found) < 2:
            return found
        exact = [file for file in found if file.relative_to(self.folder).parts == parts]
        agreeing = [_shared_tail(file.parts, parts) for file in found]
        longest = max(agreeing)
        return exact or [f for f, n in zip(found, agreeing, strict=True) if n == longest]


def _shared_tail(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    count = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if a != b:
            break
        count += 1
    return count
