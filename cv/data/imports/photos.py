"""Finds the photos that an export names, below a folder and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from cv.data.imports.below import below
from cv.errors import ModelError

__all__ = ["Photos", "shared_tail"]

# Also types that are refused later: so the message is about the photo's type, not its absence.
_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".avif"}
)


class Photos:
    """The photos below a folder.

    Names from an export are only looked up among these, so that `../../etc/passwd` finds nothing.
    They are paths of its own machine: folders may be called otherwise here, or be none at all.
    Whether they tell photos apart shows when all are found: then ask `check_folders`.

    Raises:
        ModelError: there are none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(
            file for file in below(folder) if file.suffix.lower() in _SUFFIXES and file.is_file()
        )
        if not self.files:
            raise ModelError(f"{folder}: no photos there")
        self._found: list[tuple[Path, str, str]] = []
        self.folders = frozenset(file.parent for file in self.files)
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            self._by_name[file.name].append(file)
            self._by_stem[file.stem].append(file)

    def name(self, photo: Path) -> str:
        """Path below the folder; what cannot be printed (line breaks, bytes) becomes `_`."""
        name = photo.relative_to(self.folder).as_posix()
        return "".join(c if c.isprintable() else "_" for c in name)

    def called(self, name: str) -> list[Path]:
        """All photos of a file name, in whatever folder; of whatever suffix if it has none.

        CVAT calls a video's frame `frame_000000` and its picture `frame_000000.PNG`.
        """
        return self._by_name.get(name) or self.namesakes(name)

    def namesakes(self, stem: str) -> list[Path]:
        """All photos of a file name without its suffix, in whatever folder."""
        return self._by_stem.get(stem, [])

    def find(self, name: str, where: str) -> Path:
        """The photo that an export means by a path of its own machine.

        Raises:
            ModelError: there is none, or several fit equally well; begins with `where`.
        """
        found = self.best(name)
        if not found:
            raise self.missing(name, where)
        if len(found) > 1:
            raise self.unclear(found, name, where)
        self._found.append((found[0], name, where))
        return found[0]

    def check_folders(self) -> None:
        """Refuse a photo that is alone of its name, but in another folder than the export says.

        `gate1/0001.jpg` is not `gate2/0001.jpg`. Where all photos lay on another machine says
        nothing, though, and photos may lie in the folder given without any other.

        Raises:
            ModelError: names the photo that the export means.
        """
        stated = {name: PureWindowsPath(name).parent for _, name, _ in self._found}
        common = _shared_head([f.parts for f in stated.values() if _is_of_a_machine(f)])
        root = self.folder.resolve().name
        top = (root,) if root in {folder.name for folder in stated.values()} - {""} else ()
        for photo, name, where in self._found:
            folder = stated[name]
            said = folder.parts[common if _is_of_a_machine(folder) else 0 :]
            own = top + photo.parent.relative_to(self.folder).parts
            if shared_tail(said, own) < min(len(said), len(own)):
                raise ModelError(
                    f"{where}: photo {name!r} is not below {self.folder}; "
                    f"{photo} is in another folder (narrow --images if it is the one)"
                )

    def missing(self, name: str, where: str) -> ModelError:
        """What to raise if none fits."""
        return ModelError(f"{where}: photo {name!r} is not below {self.folder}")

    def unclear(self, found: Sequence[Path], name: str, where: str) -> ModelError:
        """What to raise if more than one photo fits."""
        return ModelError(
            f"{where}: photo {name!r} may be {found[0]} or {found[1]}; narrow --images"
        )

    def best(self, name: str) -> list[Path]:
        """Photos of that file name whose folders agree with it furthest from the end."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        found = self.called(parts[-1]) if parts else []
        if len(found) < 2:
            return found
        exact = [file for file in found if file.relative_to(self.folder).parts == parts]
        agreeing = [shared_tail(file.parts, parts) for file in found]
        longest = max(agreeing)
        return exact or [f for f, n in zip(found, agreeing, strict=True) if n == longest]


def _is_of_a_machine(folder: PurePath) -> bool:
    """Whether a path begins outside of the export: `C:/photos`, `/data/upload`, `../photos`."""
    return bool(folder.anchor) or ".." in folder.parts


def _shared_head(paths: Sequence[tuple[str, ...]]) -> int:
    """How many parts all paths begin with."""
    return min((shared_tail(paths[0][::-1], path[::-1]) for path in paths), default=0)


def shared_tail(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """How many parts of two paths are the same, from the end on."""
    count = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if a != b:
            break
        count += 1
    return count
