"""The scripts of `benchmarks/`: what they cannot measure is said in a line, and at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: list[str], *more_path: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (*more_path, ROOT)))
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / arguments[0], *arguments[1:]],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photos.py", "--seconds", "5"], "photos.py: error: --seconds: more than 5"),
        (["rules.py", "--looks", "1"], "rules.py: error: --looks: 2 or more"),
        (
            ["learning_curve.py", "--data", "x", "--run", "y", "--seeds", "0"],
            "learning_curve.py: error: --seeds: 1 or more",
        ),
    ],
)
def test_too_little_to_measure_is_a_mistake(arguments: list[str], said: str) -> None:
    result = run(arguments)
    assert result.returncode == 2
    assert said in result.stderr


@pytest.mark.slow
def test_without_the_extra_that_it_needs_a_comparison_says_which(tmp_path: Path) -> None:
    (tmp_path / "ultralytics.py").write_text(
        'raise ModuleNotFoundError("not installed", name="ultralytics")\n', encoding="utf-8"
    )
    result = run(["peers.py", "--quick"], tmp_path)
    assert result.returncode == 2
    assert "ultralytics is not installed; it comes with the extra train" in result.stderr
    assert "Traceback" not in result.stderr
