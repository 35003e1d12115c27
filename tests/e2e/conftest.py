"""Drives the installed command as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("kerbwatch"))

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def kerbwatch(tmp_path: Path) -> Run:
    """Run `kerbwatch ...` in an empty folder; fails unless it exits with `status` (None: any)."""

    def run(
        *arguments: str | Path, status: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "160", **environment},
            capture_output=True,
            text=True,
            timeout=550,
            check=False,
        )
        assert status in (None, result.returncode), result.stdout + result.stderr
        return result

    return run


@pytest.fixture(scope="session")
def demo_site() -> Path:
    return ROOT / "examples/demo.toml"


@pytest.fixture(scope="session")
def parking(media: Path) -> Path:
    return next((media / "video").glob("china_street_parking_*.mp4"))


@pytest.fixture(scope="session")
def shopping(media: Path) -> Path:
    return next((media / "video").glob("shopping_street_*.mp4"))


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
