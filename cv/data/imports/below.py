"""The files of an export, whose folders may be links to where the photos really are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["below", "of_suffix"]


def below(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """What matches a pattern anywhere below a folder, in no order.

    Links to folders elsewhere are followed, but not those inside of them, nor one to a folder that
    holds this one: so it ends. A link to a folder below would only give the same files again.
    """
    yield from _of_export(folder, pattern)
    own = folder.resolve()
    for link in _of_export(folder, "*"):
        if link.is_symlink() and link.is_dir() and _is_elsewhere(link.resolve(), own):
            yield from _of_export(link, pattern)


def of_suffix(folder: Path, suffix: str) -> Iterator[Path]:
    """What has a suffix anywhere below a folder; Windows writes `.XML` as well as `.xml`."""
    return (path for path in below(folder) if path.suffix.lower() == suffix)


def _of_export(folder: Path, pattern: str) -> Iterator[Path]:
    """All but what a Mac adds when it packs or copies: of `a.txt`, `__MACOSX/._a.txt` or `._a.txt`.

    These hold a file's colour, its icon and the like, whatever their suffix says.
    """
    return (path for path in folder.rglob(pattern) if not path.name.startswith("._"))


def _is_elsewhere(folder: Path, own: Path) -> bool:
    return not own.is_relative_to(folder) and not folder.is_relative_to(own)
