from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cv.detect.backends import OnnxRuntime, OpenVino
from cv.detect.detector import Detector
from cv.labels import LABELS
from cv.train.parity import SHAPES, compare_rows
from cv.train.sizes import Size
from tests.train.lively import lively_network

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture(scope="module")
def deployed(stack: None) -> Any:
    return lively_network(Size.N)


@pytest.fixture(scope="module")
def content(deployed: Any) -> bytes:
    from cv.train.graph import onnx_bytes
    from cv.train.onnx_file import with_metadata

    thresholds = json.dumps(dict.fromkeys(LABELS, 0.4))
    metadata = {"labels": json.dumps(LABELS), "thresholds": thresholds, "version": "1"}
    return with_metadata(onnx_bytes(deployed), metadata)


def test_the_file_says_nothing_of_shapes_between_nodes(content: bytes) -> None:
    """The slimmer writes them in other ways in each process, so one network gave many files."""
    import onnx

    graph = onnx.load_from_string(content).graph
    assert graph.node and not graph.value_info


def noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_of_what_lies_in_one_place_only_the_best_is_left() -> None:
    import torch

    from cv.train.graph import suppressed

    here, nearly_here, beside = [10, 10, 50, 50], [12, 10, 52, 51], [30, 10, 70, 50]
    rows = torch.tensor(
        [
            [*here, 0.9, 1],
            [*nearly_here, 0.8, 1],
            [*here, 0.7, 2],
            [*beside, 0.6, 1],
            [*here, 0.6, 1],
            [0, 0, 0, 0, 0.0, 1],
        ]
    )[None]
    left = suppressed(rows)[0]
    assert left.shape == (6, 6)
    assert left[:4, 4].tolist() == pytest.approx([0.9, 0.7, 0.6, 0])
    assert [row.tolist() for row in left[:3, :4]] == [here, here, beside]
    assert left[:3, 5].tolist() == [1, 2, 1]


def test_what_is_suppressed_suppresses_nothing() -> None:
    """A row of boxes, of which each overlaps its neighbours enough, and those beyond too little."""
    import torch

    from cv.train.graph import suppressed

    boxes = [[20 * n, 0, 20 * n + 100, 100] for n in range(4)]
    scores = [0.9, 0.8, 0.7, 0.6]
    rows = torch.tensor([[*box, s, 1] for box, s in zip(boxes, scores, strict=True)])[None]
    assert suppressed(rows)[0, :, 4].tolist() == pytest.approx([0.9, 0.7, 0, 0])


@pytest.mark.parametrize("shape", [*SHAPES, (256, 128)])
@pytest.mark.parametrize("backend", [OnnxRuntime, OpenVino])
def test_every_shape_gives_the_same_boxes_as_torch(
    deployed: Any, content: bytes, shape: tuple[int, int], backend: Any
) -> None:
    from cv.train.graph import predict_with_torch

    if backend is OpenVino:
        pytest.importorskip("openvino")
    expected = predict_with_torch(deployed)(noise(shape))
    given = backend(content, 1).infer(noise(shape)[None])
    assert given.shape == expected.shape == (300, 6)
    assert given.dtype == np.float32
    # Of detections with nearly equal scores, another one comes last on every processor. Which of
    # two is the twin hangs on as little, where they lie in nearly the same place.
    seen = expected[expected[:, 4] > 0]
    certain = seen[seen[:, 4] > seen[:, 4].min() + 1e-3]
    assert len(certain) > 50
    box, score = compare_rows(certain, given)
    # OpenVINO computes in bfloat16 where the processor has it, with 8 bits of mantissa.
    allowed = (1.0, 0.01) if backend is OnnxRuntime else (np.inf, np.inf)
    assert box <= allowed[0]
    assert score <= allowed[1]
    if backend is OpenVino:
        best = [np.sort(rows[:, 4])[-50:] for rows in (given, expected)]
        assert np.abs(best[0] - best[1]).max() < 0.1


def test_boxes_lie_on_the_grid_in_pixels_of_the_input(deployed: Any) -> None:
    """With every distance 1, a box is two strides wide around its cell's centre."""
    import torch

    from cv.train.graph import onnx_bytes

    plain = copy.deepcopy(deployed)
    with torch.no_grad():
        for level in plain.model.model[-1].cv2:
            level[-1].weight.zero_()
            level[-1].bias.fill_(1.0)
    rows = OnnxRuntime(onnx_bytes(plain), 1).infer(noise((384, 640))[None])
    size = rows[:, 2:4] - rows[:, :2]
    stride = size[:, 0] / 2
    assert set(stride.round(3)) <= {8, 16, 32}
    assert np.allclose(size[:, 0], size[:, 1], atol=1e-3)
    cell = (rows[:, :2] + rows[:, 2:4]) / 2 / stride[:, None] - 0.5
    assert np.allclose(cell, cell.round(), atol=1e-3)
    assert (cell.round() >= 0).all()
    assert (cell.round() < np.array([640, 384]) / stride[:, None]).all()
    assert (rows[:, 0] > 384).any()  # x does reach beyond the height
    assert set(rows[:, 5]) <= set(range(len(LABELS)))


def test_the_input_is_blue_green_red(deployed: Any, content: bytes) -> None:
    """Red in BGR must reach the network as red in RGB, scaled to 0..1."""
    import torch

    seen: list[torch.Tensor] = []
    hook = deployed.model.model[0].register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    image = noise((160, 160))
    image[62:66, 62:66] = (0, 0, 255)
    with torch.inference_mode():
        expected = deployed(torch.from_numpy(image)[None])[0].numpy()
    hook.remove()
    (rgb,) = seen
    assert rgb.shape == (1, 3, 160, 160)
    assert rgb[0, :, 64, 64].tolist() == [1.0, 0.0, 0.0]
    session = OnnxRuntime(content, 1)
    same = session.infer(image[None])
    swapped = session.infer(image[None, ..., ::-1].copy())
    assert compare_rows(expected, same)[1] < 0.01
    assert compare_rows(expected, swapped)[1] > 0.01


def test_the_detector_reads_the_file(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    detector = Detector(file, backend="onnxruntime", threads=1)
    assert detector.labels == LABELS
    assert detector.thresholds["cone"] == 0.4
    found = detector.detect(noise((200, 300)), min_score=0.1)
    assert found
    assert all(d.box.x2 <= 300 and d.box.y2 <= 200 for d in found)


def test_new_metadata_replaces_the_old(content: bytes, tmp_path: Path) -> None:
    from cv.train.onnx_file import with_metadata

    metadata = {"labels": json.dumps(LABELS), "thresholds": "{}", "version": "2"}
    file = tmp_path / "model.onnx"
    file.write_bytes(with_metadata(content, metadata))
    assert Detector(file, backend="onnxruntime", threads=1).info.version == "2"
    image = noise((160, 160))[None]
    renamed = OnnxRuntime(file.read_bytes(), 1)
    assert np.array_equal(renamed.infer(image), OnnxRuntime(content, 1).infer(image))


def test_the_file_is_small_enough(content: bytes) -> None:
    assert len(content) < 12_000_000
