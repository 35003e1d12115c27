"""The comparison with others runs, on the same work, and says what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_quick_comparison_prints_its_ratios(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "benchmarks/peers.py", "--quick", "--json"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    ratios = document["ratios"]
    assert ratios.keys() >= {
        "every_frame_vs_ultralytics_openvino",
        "every_frame_vs_ultralytics_onnx",
        "sampled_vs_ultralytics",
        "infer_vs_bare_session",
    }
    assert all(value > 0 for value in ratios.values())
    found = document["objects_found"]
    assert found["both"] >= 0.9 * max(found["kerbwatch"], found["ultralytics"]) > 0
