"""Weights are rounded so that what they do to real inputs stays what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from cv.train.rounding import LARGEST, round_convolutions, round_weights

PICTURES, HELD_OUT = range(8), range(8, 12)


def _nearest(weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    step = np.abs(weights).max(axis=1, keepdims=True) / LARGEST
    return np.round(weights / step) * step


def _inputs(seed: int, count: int = 2000) -> np.ndarray[Any, Any]:
    """[count, 24] inputs that go together, as neighbouring pixels do."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 6)) @ np.random.default_rng(0).normal(size=(6, 24)) + 0.1 * (
        rng.normal(size=(count, 24))
    )


def test_outputs_differ_far_less_than_after_rounding_to_the_nearest() -> None:
    weights = np.random.default_rng(1).normal(size=(16, 24))
    seen, unseen = _inputs(2), _inputs(3)
    rounded = round_weights(weights, seen.T @ seen)
    for inputs in (seen, unseen):
        lost = np.square(inputs @ (rounded - weights).T).mean()
        assert lost < 0.4 * np.square(inputs @ (_nearest(weights) - weights).T).mean()


def test_every_weight_is_on_the_grid_of_its_row() -> None:
    weights = np.random.default_rng(1).normal(size=(16, 24))
    weights[3] = 0
    inputs = _inputs(2)
    rounded = round_weights(weights, inputs.T @ inputs)
    np.testing.assert_allclose(np.abs(rounded).max(axis=1), np.abs(weights).max(axis=1))
    steps = np.abs(rounded).max(axis=1, keepdims=True) / LARGEST
    whole = rounded / np.where(steps == 0, 1, steps)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-6)


def _network(groups: int, pads: list[int], strides: list[int]) -> onnx.ModelProto:
    rng = np.random.default_rng(4)
    first = rng.normal(size=(8, 3, 3, 3)).astype(np.float32)
    second = rng.normal(size=(8, 8 // groups, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["images", "a"], ["middle"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node(
            "Conv",
            ["middle", "b"],
            ["out"],
            name="second",
            pads=pads,
            strides=strides,
            group=groups,
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 8, "h", "w"])],
        [numpy_helper.from_array(first, "a"), numpy_helper.from_array(second, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _picture(seed: int) -> dict[str, Any]:
    noise = np.random.default_rng(seed).normal(size=(1, 3, 40, 56)).astype(np.float32)
    return {"images": noise.cumsum(axis=2).cumsum(axis=3)}  # neighbours are alike


def _weights(model: onnx.ModelProto, name: str) -> np.ndarray[Any, Any]:
    return next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name)


def _run(model: onnx.ModelProto, seed: int) -> np.ndarray[Any, Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, _picture(seed))[0])


@pytest.mark.parametrize("groups", [1, 8], ids=["whole", "depthwise"])
@pytest.mark.parametrize(("pads", "strides"), [([1, 1, 1, 1], [1, 1]), ([0, 1, 2, 1], [2, 1])])
def test_a_convolution_gives_nearly_what_it_gave(
    groups: int, pads: list[int], strides: list[int]
) -> None:
    exact, rounded, nearest = (_network(groups, pads, strides) for _ in range(3))
    round_convolutions(rounded, map(_picture, PICTURES), lambda name: name == "second")
    assert (_weights(rounded, "a") == _weights(exact, "a")).all()
    (stored,) = (t for t in nearest.graph.initializer if t.name == "b")
    weights = _weights(exact, "b")
    flat = _nearest(weights.reshape(len(weights), -1)).reshape(weights.shape)
    stored.CopyFrom(numpy_helper.from_array(flat.astype(np.float32), "b"))
    lost, lost_nearest = (
        sum(np.square(_run(m, seed) - _run(exact, seed)).mean() for seed in HELD_OUT)
        for m in (rounded, nearest)
    )
    assert lost < 0.5 * lost_nearest
