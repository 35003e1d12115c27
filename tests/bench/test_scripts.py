"""The scripts of `benchmarks/`: too little to measure is said, and at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photos.py", "--seconds", "5"], "photos.py: error: --seconds: more than 5"),
        (["rules.py", "--looks", "1"], "rules.py: error: --looks: 2 or more"),
    ],
)
def test_too_little_to_measure_is_a_mistake(arguments: list[str], said: str) -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / arguments[0], *arguments[1:]],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert said in result.stderr
