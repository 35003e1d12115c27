"""One process at a time trains in a run's folder: two would replace each other's checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cv.errors import ModelError
from cv.file_lock import is_ours

__all__ = ["LOCK", "run_lock"]

LOCK = "lock"
"""The name of the file that is locked."""


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold a run's folder, which is there.

    The lock is this process's own, not of those that load its photos and outlive it by seconds: a
    run that is killed can be resumed at once. Where the disk has no locks, nobody is held off.

    Raises:
        ModelError: another process trains there.
    """
    with (run / LOCK).open("a") as file:
        if not is_ours(file, for_children=False):
            raise ModelError(f"{run}: another process trains there; choose another --run")
        yield
