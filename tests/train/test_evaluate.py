"""What cannot be evaluated is named before any photo is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from cv.detect.detector import model_path
from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.evaluate import evaluate, held_out
from tests.labelled import Row
from tests.tiny_model import write_tiny_model

Make = Callable[[str, Sequence[Row]], Path]
CAR = "8 .5 .5 .4 .5"


@pytest.fixture(autouse=True)
def _nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cv.train.evaluate.find")


def plain(file: Path, name: str, kind: int, **metadata: str) -> Path:
    """A network as other tools export it: floats in, floats out."""
    ends = [helper.make_tensor_value_info(n, kind, [1, 3, 64, 64]) for n in (name, "output0")]
    node = helper.make_node("Identity", [name], ["output0"])
    graph = helper.make_graph([node], "plain", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.save(model, file)
    return file


def test_a_network_of_another_tool_is_named(four_photos: Path, tmp_path: Path) -> None:
    file = plain(tmp_path / "yolo.onnx", "images", TensorProto.FLOAT, names="{0: 'cat'}")
    with pytest.raises(ModelError, match=r"yolo\.onnx: no labels, thresholds and version inside"):
        evaluate(file, four_photos)


@pytest.mark.parametrize(
    ("name", "kind"), [("images", TensorProto.FLOAT), ("x", TensorProto.UINT8)]
)
def test_another_input_is_named_though_the_metadata_are_ours(
    name: str, kind: int, four_photos: Path, tmp_path: Path
) -> None:
    ours = {"labels": json.dumps(LABELS), "thresholds": "{}", "version": "1"}
    file = plain(tmp_path / "yolo.onnx", name, kind, **ours)
    with pytest.raises(ModelError, match=r"yolo\.onnx: does not take `images` in uint8"):
        evaluate(file, four_photos)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"labels": '["cat"]'}, "trained for other labels; expected street_stall"),
        ({"labels": "[[1]]"}, "trained for other labels; expected street_stall"),
        ({"labels": "["}, "no labels, thresholds and version inside"),
        ({"thresholds": "[1]"}, "no labels, thresholds and version inside"),
    ],
)
def test_other_labels_and_damaged_metadata_are_named(
    metadata: dict[str, str], said: str, four_photos: Path, tmp_path: Path
) -> None:
    file = write_tiny_model(tmp_path / "n.onnx", **metadata)
    with pytest.raises(ModelError) as caught:
        evaluate(file, four_photos)
    assert str(caught.value).startswith(f"{file}: {said}")


def test_photos_in_which_no_label_is_complete_score_nothing(make_source: Make) -> None:
    data = make_source("bare", [(f"p{n}", f"g{n}", [], [CAR]) for n in range(4)])
    for source in (None, "bare"):
        with pytest.raises(ModelError, match="none has a label of which every instance is boxed"):
            evaluate(model_path(), data, source=source)


def test_photos_without_a_box_to_find_prove_no_file(make_source: Make) -> None:
    data = make_source("clean", [(f"p{n}", f"g{n}", ["car"], []) for n in range(4)])
    with pytest.raises(ModelError, match="none has a box of a label that is complete in it"):
        held_out(data)
