from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from cv.detect.letterbox import letterbox
from cv.errors import ModelError
from cv.labels import LABELS

pytestmark = pytest.mark.usefixtures("stack")


def as_batch(files: list[Path], side: int) -> Any:
    import torch

    images = [letterbox(cv2.imread(str(file)), (side, side)).image for file in files]
    stack = np.stack(images)[..., ::-1].transpose(0, 3, 1, 2)
    return torch.from_numpy(stack.copy()).float() / 255


@pytest.fixture(scope="module")
def photos(media: Path) -> list[Path]:
    return sorted((media / "data/junction_cctv/images").glob("*.webp"))[:40:4]


@pytest.fixture(scope="module")
def coco(stack: None, media: Path) -> Any:
    from cv.train.network import load_coco

    weights = media / "weights/yolo26n-coco-fused.npz"
    return load_coco(weights)


@pytest.mark.media
def test_giving_batch_norm_back_keeps_the_function(
    coco: Any, media: Path, photos: list[Path]
) -> None:
    import torch

    session = ort.InferenceSession(
        media / "weights/yolo26n-coco.onnx", providers=["CPUExecutionProvider"]
    )
    head, compared = coco.model[-1], 0
    for photo in photos[8:]:
        batch = as_batch([photo], 640)
        head.xyxy = True
        with torch.inference_mode():
            given = head.postprocess(coco(batch)[0].permute(0, 2, 1))[0].numpy()
        head.xyxy = False
        (expected,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
        sure = expected[0, :, 4] > 0.1
        compared += sure.sum()
        assert np.abs(given - expected[0])[sure].max(initial=0) < 0.01
    assert compared > 0


@pytest.mark.media
def test_batch_norm_sees_in_training_what_it_was_given(coco: Any, photos: list[Path]) -> None:
    """In train mode, a batch's own statistics are near the stored ones, so outputs are alike."""
    import copy

    import torch

    from cv.train.batch_norm import settle_batch_norm

    model = copy.deepcopy(coco)
    batch = as_batch(photos[:8], 320)
    settle_batch_norm(model, [batch])
    norm = model.model[0].bn
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    with torch.inference_mode():
        model.eval()(batch)
    assert torch.allclose(seen[0].mean((0, 2, 3)), norm.running_mean, atol=1e-4)
    assert torch.allclose(
        seen[0].var((0, 2, 3), unbiased=False), norm.running_var, rtol=1e-3, atol=1e-6
    )


@pytest.mark.media
def test_what_ships_goes_on_as_it_is_on_pictures_of_another_kind(photos: list[Path]) -> None:
    """Deployed weights have no statistics, and those of a new network are of nothing."""
    import torch

    from cv.detect.detector import model_path
    from cv.train.batch_norm import settle_batch_norm
    from cv.train.network import load_shipped

    def neck(model: Any, pictures: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        hook = model.model[-1].register_forward_pre_hook(lambda _, args: seen.append(args[0][-1]))
        with torch.no_grad():
            model(pictures)
        hook.remove()
        return seen[0]

    model = load_shipped(model_path())
    dark = as_batch(photos[:7], 256) * 0.4
    expected = neck(model.eval(), dark)

    def apart() -> float:
        own = {name: value.clone() for name, value in model.state_dict().items()}
        trained = neck(model.train(), dark)
        model.load_state_dict(own)  # a pass in training moves the statistics
        return float((trained - expected).abs().mean() / expected.abs().mean())

    assert apart() > 0.2
    settle_batch_norm(model.train(), [dark])
    assert apart() < 0.02
    assert torch.allclose(neck(model.eval(), dark), expected, atol=1e-2)


@pytest.mark.media
def test_labels_that_coco_has_keep_their_scores(coco: Any, photos: list[Path]) -> None:
    import copy

    import torch

    from cv.train.network import COCO_IDS, adapt_head

    torch.manual_seed(0)  # the rows of other labels are drawn, and once in a while large ones
    model = adapt_head(copy.deepcopy(coco))
    batch = as_batch(photos[:1], 320)
    with torch.inference_mode():
        before = coco(batch)[1]["scores"][0]
        after = model(batch)[1]["scores"][0]
    assert after.shape[0] == len(LABELS)
    for label, row in COCO_IDS.items():
        assert torch.equal(after[LABELS.index(label)], before[row])
    assert torch.sigmoid(after[LABELS.index("cone")]).max() < 0.05


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    from cv.train.network import load_coco

    with pytest.raises(ModelError, match="no such weights file"):
        load_coco(tmp_path / "none.npz")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from cv.train.network import load_coco

    file = tmp_path / "other.npz"
    np.savez(file, **{"model.0.conv.weight": np.zeros((99, 3, 3, 3), dtype=np.float32)})
    with pytest.raises(ModelError, match=r"model\.0\.conv\.weight does not fit"):
        load_coco(file)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    from cv.train.network import load_checkpoint

    file = tmp_path / "photo.pt"
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match="not a checkpoint"):
        load_checkpoint(file)


@pytest.mark.media
def test_the_model_that_ships_can_be_trained_on(photos: list[Path]) -> None:
    """Its function stays the same, and so do the runs that made it."""
    import json

    import onnx

    from cv.detect.detector import model_path
    from cv.train.graph import Deployed, predict_with_torch
    from cv.train.network import load_shipped, runs_of

    model = load_shipped(model_path())
    session = ort.InferenceSession(model_path(), providers=["CPUExecutionProvider"])
    photo = letterbox(cv2.imread(str(photos[9])), (640, 640)).image
    (expected,) = session.run(None, {"images": photo[None]})
    given = predict_with_torch(Deployed(model))(photo)
    sure = expected[0, :, 4] > 0.1
    assert sure.sum() > 0
    assert np.abs(given - expected[0])[sure].max() < 0.01
    stated = {entry.key: entry.value for entry in onnx.load(str(model_path())).metadata_props}
    assert list(runs_of(model)) == json.loads(stated["trained"])


@pytest.mark.media
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, media: Path) -> None:
    from cv.train.network import load_shipped

    file = tmp_path / "photo.onnx"
    with pytest.raises(ModelError, match="No such file"):
        load_shipped(file)
    file.write_bytes(b"\xff\xd8\xff not an ONNX file")
    with pytest.raises(ModelError, match="not an ONNX file"):
        load_shipped(file)
    with pytest.raises(ModelError, match="trained for other labels"):
        load_shipped(media / "weights/yolo26n-coco.onnx")


@pytest.mark.parametrize(
    ("key", "value"), [("trained", "nope"), ("trained", "{}"), ("labels", "["), ("size", "z")]
)
def test_an_export_whose_metadata_are_damaged_is_named(
    key: str, value: str, tmp_path: Path
) -> None:
    from cv.detect.detector import model_path
    from cv.detect.model_file import ModelFile
    from cv.train.network import load_shipped
    from cv.train.onnx_file import metadata_of, parsed, with_metadata

    shipped = ModelFile.read(model_path())
    file = tmp_path / "damaged.onnx"
    file.write_bytes(with_metadata(shipped.content, metadata_of(parsed(shipped)) | {key: value}))
    with pytest.raises(ModelError, match=rf"damaged\.onnx: its metadata are damaged: {key} is"):
        load_shipped(file)


def test_weights_of_which_a_part_is_missing_are_named(tmp_path: Path) -> None:
    from cv.train.network import load_coco

    whole = tmp_path / "whole.npz"
    np.savez(whole, **{"model.0.conv.weight": np.zeros((16, 3, 3, 3), np.float32)})
    contents = {
        "cut.npz": whole.read_bytes()[:400],
        "begun.npz": b"PK\x03\x04 and no more",
        "pickle.npz": b"\x80\x04N.",
        "empty.npz": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=f"{name}: not a numpy archive of weights"):
            load_coco(tmp_path / name)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ModelError, match="not a numpy archive of weights"):
        load_coco((tmp_path / "one.npy").rename(tmp_path / "one.npz"))


def test_of_two_heads_the_one_that_learns_from_many_anchors_a_box_is_taken(tmp_path: Path) -> None:
    """Checkpoints of a plain `yolo train` have both; so had ours."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from cv.train.graph import Deployed, predict_with_torch
    from cv.train.network import load_foreign, save_network

    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)

    def rows(model: Any) -> np.ndarray:
        save_network(model, tmp_path / "plain.pt")
        network, known = load_foreign(tmp_path / "plain.pt")
        assert set(known.values()) == {0}
        assert not [name for name, _ in network.named_modules() if "one2one" in name]
        return predict_with_torch(Deployed(network))(image)

    torch.manual_seed(0)
    model = DetectionModel("yolo26n.yaml", nc=1, verbose=False)
    model.names, model.args = {0: LABELS[0]}, {}
    before = rows(model)
    with torch.no_grad():
        for level in model.model[-1].one2one_cv3:
            level[-1].bias.fill_(5.0)
    assert np.array_equal(rows(model), before)
    with torch.no_grad():
        for level in model.model[-1].cv3:
            level[-1].bias.fill_(5.0)
    assert (rows(model)[0, 4] > 0.9) and (before[0, 4] < 0.9)
