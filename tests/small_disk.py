"""A real file system of some megabytes, to be filled."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZE = 24 * 2**20


class SmallDisk:
    """A file system that a test can fill.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, free: int) -> None:
        """Fill it until so many bytes are free, or make room for them."""
        self._ballast.unlink(missing_ok=True)
        with self._ballast.open("wb") as file:
            try:
                while self.free > free:
                    file.write(bytes(min(2**16, self.free - free)))
                    file.flush()
            except OSError as error:
                assert error.errno == errno.ENOSPC

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    if as_root and not shutil.which("sudo"):
        pytest.skip("no file system can be mounted here: neither root nor sudo")
    options = f"size={SIZE},uid={os.getuid()}"
    mounted = subprocess.run(
        [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)
