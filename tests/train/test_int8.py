"""The INT8 file sees what the float32 one sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from cv.data.reading import read_sources
from cv.detect.detector import model_path
from cv.detect.model_file import ModelFile, int8_file
from cv.train.average_precision import iou_matrix
from cv.train.detections import find
from cv.train.evaluate import open_predictor, predict_with_onnx

pytestmark = [pytest.mark.slow, pytest.mark.media, pytest.mark.usefixtures("stack")]


@pytest.fixture(scope="module")
def exact() -> ModelFile:
    return ModelFile.read(model_path())


@pytest.fixture(scope="module")
def small(exact: ModelFile, few_photos: Path) -> ModelFile:
    from cv.train.int8 import quantized

    return ModelFile(Path("small.onnx"), quantized(exact.content, read_sources(few_photos)))


def test_an_int8_file_has_less_than_half_the_size(exact: ModelFile, small: ModelFile) -> None:
    assert len(small.content) < 0.5 * len(exact.content)


@pytest.mark.parametrize("shape", [(640, 640), (384, 640)])
def test_what_was_sure_is_found_again(
    exact: ModelFile, small: ModelFile, few_photos: Path, shape: tuple[int, int]
) -> None:
    samples = read_sources(few_photos)
    networks = (
        predict_with_onnx(exact),
        predict_with_onnx(small, "openvino-int8"),
    )
    pairs = zip(*(find(samples, network, shape) for network in networks), strict=True)
    sure, again, apart = 0, 0, []
    for large, given in pairs:
        overlaps = iou_matrix(large.boxes, given.boxes)
        overlaps[large.labels[:, None] != given.labels[None]] = 0
        for row in np.flatnonzero(large.scores >= 0.5):
            sure += 1
            same = overlaps[row] >= 0.8
            if same.any():
                again += 1
                apart.append(np.abs(large.scores[row] - given.scores[same]).min())
    assert sure >= 20
    assert again >= 0.95 * sure
    # Scores move, which is why the file has thresholds of its own; AP does not (`train quantize`).
    assert 0 < np.mean(apart) < 0.06


def test_no_sum_of_two_products_is_too_large_for_processors_without_vnni(small: ModelFile) -> None:
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load_from_string(small.content).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert len(weights) >= 50
    assert max(np.abs(w.astype(int)).max() for w in weights) * 255 * 2 <= np.iinfo(np.int16).max


def test_an_int8_file_is_evaluated_as_it_runs(few_photos: Path) -> None:
    """By OpenVINO: onnxruntime reads the file, too, but rounds elsewhere."""
    file = int8_file(model_path())
    sample = read_sources(few_photos)[0]
    networks = (
        open_predictor(file),
        predict_with_onnx(ModelFile.read(file), "openvino-int8"),
        predict_with_onnx(ModelFile.read(file)),
    )
    (given, in_field, elsewhere) = (
        next(iter(find([sample], network, (384, 640)))) for network in networks
    )
    assert np.array_equal(given.scores, in_field.scores)
    assert not np.array_equal(given.scores, elsewhere.scores)
