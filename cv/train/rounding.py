"""Convolution weights on a coarse grid, rounded so that errors cancel, not each to its nearest.

Rounded one after the other, each weight's error is made up for by those that follow, as far as
their inputs go together: the outputs on real photos then differ by a fifth to a twentieth (mean
square) of what rounding to the nearest costs. That is GPTQ: Frantar et al. 2022, arXiv:2210.17323,
algorithm 1, here for convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "round_convolutions", "round_weights"]

LARGEST = 64
"""Of a rounded weight. Two products with inputs of up to 255 then add up to 32,640 at most: without
VNNI, processors add pairs of them up in 16 bits, where twice 127 * 255 does not fit."""
_DAMPING = 0.01
"""Of the mean square of the inputs; keeps the inverse stable."""
_PLACES = 100
"""Places of each picture that are looked at; neighbours are much alike."""

Floats = npt.NDArray[np.float64]


def round_weights(weights: Floats, moments: Floats) -> Floats:
    """Weights on the grid of their rows: whole multiples of a row's largest / LARGEST.

    Args:
        weights: [O, K], a row for each output channel.
        moments: [K, K] sums of products of the K inputs.

    Returns:
        [O, K]; each row's largest is what it was, so the grid is found again by who reads them.
    """
    left = weights.copy()
    step = np.abs(left).max(axis=1) / LARGEST
    step[step == 0] = 1
    largest, rows = np.abs(left).argmax(axis=1), np.arange(len(left))
    full = np.sign(left[rows, largest]) * LARGEST
    power = np.diag(moments)
    damped = moments + np.diag(np.full(len(power), _DAMPING * power.mean() + 1e-9))
    order = np.argsort(-power)  # the strongest inputs first: their errors are worst to keep
    inverse = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    rounded = np.empty_like(left)
    for place, column in enumerate(order):
        whole = np.clip(np.round(left[:, column] / step), -LARGEST, LARGEST)
        whole = np.where(largest == column, full, whole)
        rounded[:, column] = whole * step
        error = (left[:, column] - rounded[:, column]) / inverse[place, place]
        left[:, order[place + 1 :]] -= np.outer(error, inverse[place, place + 1 :])
    return rounded


def round_convolutions(
    model: Any, pictures: Iterable[dict[str, Any]], wanted: Callable[[str], bool]
) -> None:
    """Round the weights of an ONNX model's convolutions, in place.

    Args:
        model: an onnx.ModelProto whose weights are initializers.
        pictures: inputs of the model, one picture each.
        wanted: by the name of a node, whether it is one to round.
    """
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type == "Conv" and wanted(n.name)]
    layers = [_Layer(node, numpy_helper.to_array(stored[node.input[1]])) for node in nodes]
    _feed(layers, model, pictures)
    for node, layer in zip(nodes, layers, strict=True):
        name = node.input[1]
        stored[name].CopyFrom(numpy_helper.from_array(layer.rounded(), name))


class _Layer:
    """A convolution and what came in at its kernel's places."""

    def __init__(self, node: Any, weights: npt.NDArray[np.float32]) -> None:
        from onnx.helper import get_attribute_value

        known = {a.name: get_attribute_value(a) for a in node.attribute}
        self.source = str(node.input[0])
        self._weights = weights
        self._groups = int(known.get("group", 1))
        self._strides = known.get("strides", [1, 1])
        self._pads = known.get("pads", [0, 0, 0, 0])  # top, left, bottom, right
        inputs = weights[0].size
        self._moments = np.zeros((self._groups, inputs, inputs))

    def add(self, entering: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
        """Take in what enters the convolution for one picture, at places chosen at random.

        Args:
            entering: [C, H, W] of one picture.
        """
        top, left, bottom, right = self._pads
        padded = np.pad(entering, ((0, 0), (top, bottom), (left, right)))
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, self._weights.shape[2:], axis=(1, 2)
        )[:, :: self._strides[0], :: self._strides[1]]
        height, width = windows.shape[1:3]
        places = rng.integers(0, height * width, _PLACES)
        seen = windows[:, places // width, places % width]  # [C, places, kernel's H, W]
        grouped = seen.reshape(self._groups, -1, *seen.shape[1:])
        rows = grouped.transpose(0, 2, 1, 3, 4).reshape(self._groups, _PLACES, -1)
        self._moments += rows.transpose(0, 2, 1) @ rows

    def rounded(self) -> npt.NDArray[np.float32]:
        rows = self._weights.reshape(self._groups, -1, self._weights[0].size)
        pairs = zip(rows.astype(np.float64), self._moments, strict=True)
        parts = [round_weights(*pair) for pair in pairs]
        return np.concatenate(parts).reshape(self._weights.shape).astype(np.float32)


def _feed(layers: list[_Layer], model: Any, pictures: Iterable[dict[str, Any]]) -> None:
    import onnx
    import onnxruntime

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    sources = sorted({layer.source for layer in layers} - {v.name for v in shown.graph.input})
    shown.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in sources
    )
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    for picture in pictures:
        values = dict(zip(sources, session.run(sources, picture), strict=True)) | picture
        for layer in layers:
            layer.add(values[layer.source][0], rng)
