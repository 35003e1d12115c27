"""The shipped model through both backends, on real street photos."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.detect.detector import Detector, model_path
from cv.errors import ModelError
from cv.geometry import Box, Image, iou
from cv.labels import LABELS

BACKENDS = ["onnxruntime", "openvino", "openvino-int8"]


@pytest.fixture(scope="session", params=BACKENDS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return Detector(backend=request.param, threads=2)


@pytest.fixture(scope="session")
def junctions(media: Path) -> list[Image]:
    """Junction cameras, full of cars; one in two cut to 16:9."""
    files = sorted((media / "data/junction_cctv/images").glob("*.webp"))[::40][:6]
    images = [cv2.imread(str(file)) for file in files]
    return [
        np.asarray(image[: image.shape[1] * 9 // 16] if i % 2 else image, np.uint8)
        for i, image in enumerate(images)
        if image is not None
    ]


def test_the_model_says_what_it_is() -> None:
    detector = Detector(backend="onnxruntime", threads=1)
    assert detector.labels == LABELS
    assert set(detector.thresholds) == set(LABELS)
    assert len(detector.info.sha256) == 64
    assert detector.threads == 1


@pytest.mark.media
def test_cars_are_found_where_cars_are_boxed(detector: Detector, media: Path) -> None:
    """At least two thirds of the large labelled cars in 12 junction photos."""
    found = wanted = 0
    for file in sorted((media / "data/junction_cctv/images").glob("*.webp"))[::28][:12]:
        image = cv2.imread(str(file))
        assert image is not None
        height, width = image.shape[:2]
        boxes = [d.box for d in detector.detect(np.asarray(image, np.uint8)) if d.label == "car"]
        labels = file.parent.parent / "labels" / f"{file.stem}.txt"
        for line in labels.read_text().splitlines():
            label, x, y, w, h = map(float, line.split())
            if LABELS[int(label)] != "car" or w * width * h * height < 48**2:
                continue
            wanted += 1
            left, top = (x - w / 2) * width, (y - h / 2) * height
            true_box = Box(left, top, left + w * width, top + h * height)
            found += any(iou(true_box, box) >= 0.5 for box in boxes)
    assert wanted >= 10
    assert found / wanted >= 2 / 3


@pytest.mark.media
def test_boxes_lie_in_the_picture_best_first(detector: Detector, junctions: list[Image]) -> None:
    for image in junctions:
        height, width = image.shape[:2]
        detections = detector.detect(image)
        scores = [d.score for d in detections]
        assert scores == sorted(scores, reverse=True)
        for d in detections:
            assert 0 <= d.box.x1 < d.box.x2 <= width
            assert 0 <= d.box.y1 < d.box.y2 <= height
            assert d.score >= detector.thresholds[d.label]


@pytest.mark.media
@pytest.mark.parametrize("name", BACKENDS[1:])
def test_all_backends_find_nine_in_ten_of_the_same_boxes(name: str, junctions: list[Image]) -> None:
    """In bfloat16 and INT8 one box in ten may move or lose its score, not more."""
    one, other = (Detector(backend=each, threads=2) for each in (BACKENDS[0], name))
    agreed = wanted = 0
    for image in junctions:
        others = other.detect(image, min_score=0.3)
        for d in one.detect(image, min_score=0.5):
            wanted += 1
            agreed += any(iou(d.box, o.box) > 0.9 and abs(d.score - o.score) < 0.1 for o in others)
    assert wanted >= 20
    assert agreed / wanted >= 0.9


@pytest.mark.media
def test_several_threads_get_their_own_answers(detector: Detector, junctions: list[Image]) -> None:
    alone = [detector.detect(image) for image in junctions]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, junctions * 5))
    for i, detections in enumerate(together):
        assert detections == alone[i % len(alone)]


def test_grey_has_nothing_in_it(detector: Detector) -> None:
    assert detector.detect(np.full((480, 640, 3), 114, np.uint8)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"", "not a"), (b"\x08\x07not a model", "not a")],
)
def test_a_bad_model_file_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        Detector(file, backend="onnxruntime")
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.media
@pytest.mark.parametrize("backend", ["auto", "onnxruntime"])
def test_another_onnx_file_is_one_line(backend: str, media: Path) -> None:
    """As most tools export it: of floats, and without what kerbwatch writes into its own."""
    with pytest.raises(ModelError, match="write it with `kerbwatch train export`"):
        Detector(media / "weights/yolo26n-coco.onnx", backend=backend)


def relabelled(labels: object, to: Path) -> Path:
    """The shipped model, saying something else of its labels."""
    onnx = pytest.importorskip("onnx", reason="needs the extra train")
    model = onnx.load(model_path())
    for entry in model.metadata_props:
        if entry.key == "labels":
            entry.value = json.dumps(labels)
    onnx.save(model, to)
    return to


@pytest.mark.parametrize("labels", [[], ["cat"] * 13, [{"a": 1}] * 13, LABELS[:3], LABELS[::-1]])
def test_a_model_of_other_labels_is_refused(tmp_path: Path, labels: object) -> None:
    file = relabelled(labels, tmp_path / "model.onnx")
    with pytest.raises(
        ModelError, match=r"model\.onnx: trained for other labels; expected street_stall"
    ):
        Detector(file)


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        ("input", "UINT8", [1, "h", "w", 3]),
        ("images", "FLOAT", [1, 3, "h", "w"]),
        ("images", "UINT8", [1, "h", "w", 1]),
    ],
)
def test_a_network_of_another_form_with_our_labels_is_refused(
    tmp_path: Path, name: str, kind: str, shape: list[int | str]
) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra train")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Cast", [name], ["detections"], to=kinds.FLOAT)],
        "cast",
        [helper.make_tensor_value_info(name, getattr(kinds, kind), shape)],
        [helper.make_tensor_value_info("detections", kinds.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    model.metadata_props.extend(onnx.load(model_path()).metadata_props)
    file = tmp_path / "model.onnx"
    onnx.save(model, file)
    with pytest.raises(ModelError, match="does not take `images` in uint8"):
        Detector(file)


def test_an_unknown_backend_names_the_choices() -> None:
    with pytest.raises(ModelError, match="auto, onnxruntime, openvino"):
        Detector(backend="tensorrt")


def test_no_threads_is_refused() -> None:
    with pytest.raises(ModelError, match="1 or more"):
        Detector(threads=0)


def test_threads_without_end_are_refused() -> None:
    with pytest.raises(ModelError, match="or fewer, not 100000"):
        Detector(threads=100_000)


def test_the_command_line_starts_without_torch() -> None:
    code = "import json, sys, cv.cli; print(json.dumps(list(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout
    roots = {name.split(".")[0] for name in json.loads(output)}
    assert not roots & {"torch", "ultralytics", "openvino"}
