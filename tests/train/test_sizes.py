"""The larger network trains, proves equal and is measured in the same way as the small one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cv.detect.backends import OnnxRuntime
from cv.errors import ModelError
from cv.train.parity import SHAPES, compare_rows
from cv.train.sizes import Size
from tests.labelled import Row
from tests.train.lively import lively_network

pytestmark = pytest.mark.slow

CAR = "8 0.5 0.5 0.4 0.5"


@pytest.fixture(scope="module")
def official(stack: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with yolo26n.pt and yolo26s.pt of the official shape; their weights are random."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    folder = tmp_path_factory.mktemp("official")
    for size in Size:
        torch.manual_seed(0)
        model = DetectionModel(size.yaml, nc=80, verbose=False)
        torch.save({"model": model.half(), "train_args": {}}, folder / size.official)
    return folder


@pytest.fixture
def data(make_source: Callable[[str, Sequence[Row]], Path]) -> Path:
    return make_source("tiny", [(f"p{n}", f"place-{n // 2}", ["car"], [CAR]) for n in range(16)])


def kerbwatch(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("YOLO_")}
    kept |= {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(
        [sys.executable, "-c", "from cv.cli import main; main()", *map(str, arguments)],
        cwd=folder, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_s_is_trained_exported_and_evaluated(data: Path, official: Path, tmp_path: Path) -> None:
    options = ("--imgsz", "160", "--epochs", "1", "--batch", "8", "--data", data)
    fit = ("train", "fit", "--model", "s", "--weights", official / "yolo26s.pt", *options)
    done = kerbwatch(*fit, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    best = tmp_path / "runs/s/weights/best.pt"

    done = kerbwatch("train", "export", "--checkpoint", best, "--data", data, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "weights/kerbwatch-s.onnx"
    assert out.stat().st_size > 12_000_000  # more than n may have

    ap = []
    for model in (best, out):
        command = ("train", "evaluate", "--model", model, "--data", data, "--imgsz", "160")
        done = kerbwatch(*command, "--json", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        ap.append(json.loads(done.stdout)["AP50"])
    assert ap[0] == pytest.approx(ap[1], abs=0.002)

    card = tmp_path / "card.md"
    command = ("train", "card", "--model", out, "--data", data, "--out", card)
    assert kerbwatch(*command, folder=tmp_path).returncode == 0
    assert "| network | YOLO26s, 13 labels" in card.read_text(encoding="utf-8")

    # Neither the ONNX file nor the run is taken for the other size.
    onward = ("train", "fit", "--weights", official / "yolo26n.pt", *options)
    for more, named in ((("--run", "on", "--start", out), out), (("--run", "runs/s"), "runs/s")):
        done = kerbwatch(*onward, *more, "--resume", folder=tmp_path)
        assert done.returncode == 2
        assert f"{named}: holds YOLO26s, not YOLO26n; give --model s" in done.stderr
        assert done.stderr.strip().count("\n") == 0


@pytest.mark.usefixtures("stack")
def test_the_graph_of_s_gives_the_boxes_of_its_network() -> None:
    from cv.train.graph import onnx_bytes, predict_with_torch

    deployed = lively_network(Size.S)
    image = np.random.default_rng(3).integers(0, 256, (*SHAPES[1], 3), dtype=np.uint8)
    expected = predict_with_torch(deployed)(image)
    given = OnnxRuntime(onnx_bytes(deployed), 1).infer(image[None])
    assert (expected[:, 4] > 0.1).sum() > 50
    for one, other in ((expected, given), (given, expected)):
        box, score = compare_rows(one, other)
        assert box <= 1.0
        assert score <= 0.01


def test_weights_of_the_other_size_are_refused(official: Path) -> None:
    from cv.train.network import load_coco

    for size, other in ((Size.N, Size.S), (Size.S, Size.N)):
        assert load_coco(official / size.official, size).yaml["scale"] == size
        needed = f"not {size.network} with the 80 COCO classes; give the official {size.official}"
        with pytest.raises(ModelError, match=needed):
            load_coco(official / other.official, size)


def test_without_weights_for_s_one_line_says_what_to_give(data: Path, tmp_path: Path) -> None:
    done = kerbwatch("train", "fit", "--model", "s", "--data", data, folder=tmp_path)
    assert done.returncode == 2
    assert "give the official yolo26s.pt, or a fused .npz, with --weights" in done.stderr
    assert done.stderr.strip().count("\n") == 0
