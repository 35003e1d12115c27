"""The training commands as a person runs them, on a dozen real photos."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cv.data.reading import read_sources
from cv.data.samples import read_image
from cv.data.splitting import split
from cv.detect.detector import Detector
from cv.labels import LABELS

pytestmark = [pytest.mark.slow, pytest.mark.media]

SIDE = "160"


def train(*arguments: str | Path) -> list[str]:
    code = "from cv.train.commands import app; app()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        digest.update(str(file.relative_to(folder)).encode())
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


@pytest.fixture(scope="module")
def coco_weights(media: Path) -> Path:
    return media / "weights/yolo26n-coco-fused.npz"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("YOLO_")}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}


@pytest.fixture(scope="module")
def run(
    few_photos: Path,
    coco_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
) -> Iterator[Path]:
    """A run of three epochs that is killed after the first and resumed."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    command = train(
        "fit", "--data", few_photos, "--weights", coco_weights, "--run", folder,
        "--imgsz", SIDE, "--epochs", "3", "--batch", "4",
    )  # fmt: skip
    before = fingerprint(few_photos)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(folder / "weights/last.pt", process)
        finally:
            process.send_signal(signal.SIGKILL)
    told = subprocess.run(
        [*command, "--resume"], env=environment, check=True, stdout=subprocess.PIPE
    ).stdout
    assert b"\r" not in told, "a log file cannot show bars that are drawn over themselves"
    assert fingerprint(few_photos) == before, "training wrote into the data"
    yield folder


def wait_for(file: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while not file.exists():
        assert process.poll() is None, "training ended early"
        assert time.monotonic() < deadline, f"{file} did not appear"
        time.sleep(0.1)


def logged(folder: Path, tag: str) -> list[tuple[int, float]]:
    """A curve as TensorBoard shows it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_a_killed_run_is_resumed_to_its_last_epoch(run: Path) -> None:
    lines = (run / "results.csv").read_text().splitlines()
    epochs = [int(line.split(",")[0]) for line in lines[1:]]
    assert epochs[-1] == 3
    assert epochs == sorted(set(epochs))  # none twice
    curve = logged(run / "tensorboard", "train/box_loss")
    assert [epoch for epoch, _ in curve] == epochs
    header = [name.strip() for name in lines[0].split(",")]
    column = [float(line.split(",")[header.index("train/box_loss")]) for line in lines[1:]]
    assert [loss for _, loss in curve] == pytest.approx(column, rel=1e-4)
    assert len(logged(run / "tensorboard", "AP50/car")) == len(epochs)
    assert len(logged(run / "tensorboard", "val/AP")) == len(epochs)
    assert len(logged(run / "tensorboard", "lr/pg0")) == len(epochs)
    assert (run / "weights/best.pt").exists()
    assert not list(run.rglob("*.part"))


def test_nothing_is_written_into_the_home_folder(run: Path, environment: dict[str, str]) -> None:
    assert list(Path(environment["HOME"]).iterdir()) == []


def test_a_finished_run_says_so(run: Path, few_photos: Path, environment: dict[str, str]) -> None:
    command = train("fit", "--data", few_photos, "--run", run, "--resume")
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "this run is finished" in again.stderr


def test_what_cannot_be_validated_is_said_before_anything_is_done(
    few_photos: Path, coco_weights: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """One source, imported without `--complete` or of nothing complete; one of a single group."""
    rows = [
        json.loads(line)
        for line in (few_photos / "junction_cctv/images.jsonl").read_text().splitlines()
    ]
    for number, (change, said) in enumerate(
        (
            ({"complete": []}, "none has a label of which every instance is boxed"),
            ({"complete": ["bus"]}, "none has a box of a label that is complete in it"),
            ({"group": "one"}, "no photo is held out"),
        )
    ):
        data = tmp_path / str(number)
        shutil.copytree(few_photos / "junction_cctv", data / "mine")
        listing = "".join(json.dumps({**row, **change}) + "\n" for row in rows)
        (data / "mine/images.jsonl").write_text(listing)
        command = train("fit", "--data", data, "--weights", coco_weights, "--run", tmp_path / "r")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert said in done.stderr
        assert not (tmp_path / "r/dataset").exists()


def test_a_source_to_repeat_that_is_not_there_is_named(
    few_photos: Path, coco_weights: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[repeats]\njunction_cvtc = 2\n", encoding="utf-8")
    command = train(
        "fit", "--data", few_photos, "--weights", coco_weights, "--run", tmp_path / "r",
        "--config", config,
    )  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"{config}: repeats.junction_cvtc: no such source has training photos" in done.stderr
    assert "junction_cctv" in done.stderr
    assert not (tmp_path / "r/dataset").exists()


def test_a_source_that_is_left_out_neither_trains_nor_chooses_the_checkpoint(
    few_photos: Path, coco_weights: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    command = train(
        "fit", "--data", few_photos, "--weights", coco_weights, "--run", tmp_path,
        "--imgsz", SIDE, "--epochs", "1", "--batch", "4", "--leave-out", "cones_roadwork",
    )  # fmt: skip
    subprocess.run(command, env=environment, check=True, capture_output=True)
    for listing in ("train.txt", "val.txt"):
        photos = (tmp_path / "dataset" / listing).read_text().splitlines()
        assert photos
        assert not [photo for photo in photos if "/cones_roadwork/" in photo]


def test_validation_photos_are_not_in_the_training_list(run: Path, few_photos: Path) -> None:
    _, validation = split(read_sources(few_photos))
    listed = {Path(line).stem for line in (run / "dataset/train.txt").read_text().splitlines()}
    assert validation
    assert not any(sample.image.stem in listed for sample in validation)


def test_the_checkpoint_is_exported_and_runs(
    run: Path, few_photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "tiny.onnx"
    checkpoint = run / "weights/best.pt"
    command = train("export", "--checkpoint", checkpoint, "--data", few_photos, "--out", out)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    detector = Detector(out, backend="onnxruntime")
    assert detector.labels == LABELS
    assert set(detector.thresholds) == set(LABELS)
    image = read_image(read_sources(few_photos)[-1].image)
    assert detector.detect(image, min_score=0.001)

    command = train("evaluate", "--model", out, "--data", few_photos, "--imgsz", "320", "--json")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["labels"]["car"]["boxes"] > 0

    command[command.index(str(out))] = str(checkpoint)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["AP50"] == pytest.approx(report["AP50"], abs=0.002)


def test_a_run_goes_on_from_an_earlier_one_and_can_be_averaged_with_it(
    run: Path, few_photos: Path, coco_weights: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    def go_on(start: Path, name: str) -> Path:
        command = train(
            "fit", "--data", few_photos, "--weights", coco_weights, "--start", start,
            "--run", tmp_path / name, "--imgsz", SIDE, "--epochs", "1", "--batch", "8",
        )  # fmt: skip
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return tmp_path / name / "weights/best.pt"

    code = (
        "import sys; from pathlib import Path; from cv.train.stack import load_stack; load_stack();"
        "from cv.train.network import load_checkpoint, runs_of;"
        "print(*runs_of(load_checkpoint(Path(sys.argv[1]))), sep='\\n')"
    )
    mean = tmp_path / "mean.pt"
    both = (run / "weights/best.pt", go_on(run / "weights/best.pt", "on"))
    command = train("average", *both, "--out", mean)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "exists; name a new file" in again.stderr
    told = subprocess.run(
        [sys.executable, "-c", code, go_on(mean, "after")],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    first, second = "imgsz 160, epochs 3, batch 4, seed 0", "imgsz 160, epochs 1, batch 8, seed 0"
    averaged = f"{second}, averaged with the network before it"
    assert told.splitlines()[-3:] == [first, averaged, second]


def test_a_file_that_would_differ_is_not_written(
    run: Path, few_photos: Path, tmp_path: Path, stack: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from typer.testing import CliRunner

    import cv.train.export as module
    from cv.train.commands import app
    from cv.train.graph import Deployed, onnx_bytes

    def perturbed(deployed: Deployed) -> bytes:
        with torch.no_grad():
            for level in deployed.model.model[-1].cv3:
                level[-1].weight.mul_(1.2)
        content = onnx_bytes(deployed)
        with torch.no_grad():
            for level in deployed.model.model[-1].cv3:
                level[-1].weight.div_(1.2)
        return content

    monkeypatch.setattr(module, "onnx_bytes", perturbed)
    out = tmp_path / "other.onnx"
    arguments = ["export", "--checkpoint", run / "weights/best.pt", "--data", few_photos]
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out)])
    assert result.exit_code == 1
    assert "not written" in result.stdout
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("allowed", [1.0, -2.0])
def test_an_int8_file_that_costs_too_much_is_not_written(
    allowed: float,
    run: Path,
    few_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from typer.testing import CliRunner

    from cv.train.commands import app

    monkeypatch.setattr("cv.train.parity._AP50_LOST", allowed)
    monkeypatch.setattr("cv.train.parity.SHAPES", ((320, 320), (192, 320)))
    monkeypatch.setattr("cv.train.export.SHAPES", ((320, 320), (192, 320)))
    monkeypatch.setattr("cv.train.quantize.SHAPES", ((320, 320), (192, 320)))
    out = tmp_path / "tiny.onnx"
    arguments = ["export", "--checkpoint", run / "weights/best.pt", "--data", few_photos, "--int8"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(out)])
    small = tmp_path / "tiny-int8.onnx"
    assert out.exists(), result.output
    assert small.exists() == (allowed == 1.0)
    assert result.exit_code == (0 if allowed == 1.0 else 1)
    if small.exists():
        exact, rounded = (Detector(out, backend=b) for b in ("onnxruntime", "openvino-int8"))
        assert rounded.info.version.endswith(".int8")
        assert not rounded.info.version.startswith(exact.info.version)
        assert rounded.info.path == small
    else:
        assert "no INT8 file written" in result.stdout
