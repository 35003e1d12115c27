"""A model file that costs next to nothing, for tests of thousands of pictures.

It sees one car in every picture, its place given by the mean colour of every 32nd pixel; the
picture must have the shape of the network's input, so that no grey is averaged in.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cv.labels import LABELS

__all__ = ["CAR_SIDE", "write_tiny_model"]

CAR_SIDE = 100.0
"""Of the car's box, in pixels of the network's input; blue and green are its left and top."""


def write_tiny_model(path: Path, version: str = "1", **more: str) -> Path:
    """uint8 [1, H, W, 3] -> float32 [1, 1, 6], with the metadata that kerbwatch wants."""
    weights = np.zeros((3, 6), np.float32)
    weights[0, [0, 2]] = weights[1, [1, 3]] = 1
    offset = np.array([0, 0, CAR_SIDE, CAR_SIDE, 0.9, LABELS.index("car")], np.float32)
    nodes = [
        helper.make_node("Slice", ["images", "from", "to", "axes", "steps"], ["few"]),
        helper.make_node("Cast", ["few"], ["colours"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["colours"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Gemm", ["mean", "weights", "offset"], ["row"]),
        helper.make_node("Reshape", ["row", "shape"], ["detections"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [1, "H", "W", 3])],
        [helper.make_tensor_value_info("detections", TensorProto.FLOAT, [1, 1, 6])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(offset, "offset"),
            *(
                numpy_helper.from_array(np.array(values, np.int64), name)
                for name, values in {
                    "from": [0, 0],
                    "to": [1 << 20, 1 << 20],
                    "axes": [1, 2],
                    "steps": [32, 32],
                    "shape": [1, 1, 6],
                }.items()
            ),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    stated = {
        "name": "tiny",
        "version": version,
        "labels": json.dumps(LABELS),
        "thresholds": json.dumps(dict.fromkeys(LABELS, 0.5)),
    }
    helper.set_model_props(model, stated | more)
    onnx.save(model, path)
    return path
