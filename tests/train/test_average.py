"""A mean of a fine-tuned network with COCO's own, which remembers what training forgot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from cv.detect.detector import model_path
from cv.errors import ModelError
from cv.labels import LABELS

pytestmark = [pytest.mark.slow, pytest.mark.media, pytest.mark.usefixtures("stack")]

LAST = "cv3.0.2.weight"
COCO_CAR, COCO_PERSON = 2, 0


@pytest.fixture(scope="module")
def coco_file(media: Path) -> Path:
    return media / "weights/yolo26n-coco-fused.npz"


@pytest.fixture(scope="module")
def mean(stack: None, coco_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from cv.train.average import average

    out = tmp_path_factory.mktemp("mean") / "mean.pt"
    average(coco_file, model_path(), out, share=0.25)
    return out


def test_labels_that_coco_knows_move_and_the_others_stay(mean: Path, coco_file: Path) -> None:
    from cv.train.network import load_checkpoint

    rows = load_checkpoint(mean).model[-1].cv3[0][2].weight.detach().numpy()
    ours = next(
        onnx.numpy_helper.to_array(item)
        for item in onnx.load(str(model_path())).graph.initializer
        if item.name.endswith(LAST)
    )
    coco = np.load(coco_file)[f"model.23.one2one_{LAST}"]
    for label, number in (("car", COCO_CAR), ("person", COCO_PERSON)):
        row = LABELS.index(label)
        assert rows[row] == pytest.approx(0.75 * ours[row] + 0.25 * coco[number], abs=1e-5)
        assert not np.allclose(rows[row], ours[row], atol=1e-3)
    for label in ("street_stall", "tricycle", "cone"):
        row = LABELS.index(label)
        assert rows[row] == pytest.approx(ours[row], abs=1e-6)


def test_the_mean_tells_how_it_was_made(mean: Path) -> None:
    from cv.train.network import load_checkpoint, runs_of

    told = runs_of(load_checkpoint(mean))
    assert told[-1].endswith("averaged with COCO's network (0.25 of that)")
    assert len(told) > 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("later.onnx", "name a file that ends in .pt"),
        ("mean", "name a file that ends in .pt"),
        ("folder.pt", "is no file"),
        ("there.pt", "exists; name a new file"),
    ],
)
def test_a_mean_replaces_nothing(name: str, said: str, tmp_path: Path) -> None:
    from cv.train.average import average

    (tmp_path / "folder.pt").mkdir()
    for file in ("later.onnx", "there.pt"):
        (tmp_path / file).write_bytes(b"kept")
    with pytest.raises(ModelError) as caught:
        average(tmp_path / "first.pt", tmp_path / "later.onnx", tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert said in str(caught.value)
    assert (tmp_path / "later.onnx").read_bytes() == (tmp_path / "there.pt").read_bytes() == b"kept"


def test_what_is_averaged_is_what_networks_do_not_their_batch_norm(tmp_path: Path) -> None:
    """The same function with the statistics of other pictures is the same network."""
    import torch

    from cv.train.average import average
    from cv.train.batch_norm import settle_batch_norm
    from cv.train.network import load_checkpoint, load_shipped, save_network

    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 3, 128, 128, generator=generator)
    model = load_shipped(model_path())
    model.args |= {"imgsz": 0, "epochs": 0, "batch": 0, "seed": 0}
    expected = model(pictures)[0]
    for file, given in ((first, pictures), (second, pictures.pow(3) - 1)):
        settle_batch_norm(model, [given])
        save_network(model, file)
    average(first, second, tmp_path / "mean.pt")
    mean = load_checkpoint(tmp_path / "mean.pt")
    norms = [load_checkpoint(file).model[0].bn.running_mean for file in (first, second)]
    assert not torch.allclose(*norms, atol=0.1)
    assert torch.allclose(mean(pictures)[0], expected, atol=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_is_between_0_and_1(share: float, coco_file: Path, tmp_path: Path) -> None:
    from cv.train.average import average

    with pytest.raises(ModelError, match="must be between 0 and 1"):
        average(coco_file, model_path(), tmp_path / "mean.pt", share=share)
