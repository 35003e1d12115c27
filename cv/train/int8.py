"""INT8 for OpenVINO: what enters a convolution in 8 bits, its weights in 7, per channel.

Nothing else is rounded: OpenVINO puts the SiLU behind a convolution before the next rounding, so
that each layer rounds once. (onnxruntime rounds before and after a SiLU, which costs accuracy, and
gains less: `docs/decisions.md`, 56.) The head's last layers stay in float32, for they give
distances and logits, where a 256th is a lot; so do its depthwise ones, which gain nothing, and
attention, which OpenVINO 2026.4 cannot compile in 8 bits.

Weights keep to -64...64, for processors without VNNI add pairs of products up in 16 bits: sums then
are exact, and the file gives the same on every processor.

A range that averages the photos' own ranges, instead of covering the rarest activation, costs
less. Weights are rounded such that their errors cancel (`cv.train.rounding`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from cv.data.samples import Sample
from cv.train.detections import load_photo
from cv.train.parity import SHAPES
from cv.train.rounding import round_convolutions

__all__ = ["PHOTOS", "quantized"]

PHOTOS = 96
"""Photos that set the ranges, in turns at the shapes that are measured."""
_FLOAT = re.compile(r"/attn/|/cv2\.\d\.[12]/|/cv3\.\d\.(2|[01]\.0)/")
"""Nodes of attention, of boxes (the head's cv2) and of scores (cv3), as ultralytics names them."""


def quantized(content: bytes, photos: Sequence[Sample]) -> bytes:
    """An INT8 ONNX file of a float32 one of `cv.train.graph`, without metadata.

    Args:
        photos: training photos; their activations set the ranges.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="kerbwatch-int8-") as folder:
        given, prepared, written = (Path(folder, f"{n}.onnx") for n in ("float", "folded", "int8"))
        given.write_bytes(content)
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        round_convolutions(model, _inputs(photos), _is_quantized)
        onnx.save(model, prepared)
        quantize_static(
            prepared,
            written,
            _Inputs(photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,  # the same -64...64 as `round_convolutions`
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[n.name for n in model.graph.node if not _is_quantized(n.name)],
            extra_options={
                "CalibMovingAverage": True,
                "OpTypesToExcludeOutputQuantization": ["Conv"],
            },
        )
        return written.read_bytes()


def _is_quantized(node: str) -> bool:
    return not _FLOAT.search(node)


class _Inputs:
    """Photos as the network's inputs: what onnxruntime calls a calibration data reader."""

    def __init__(self, photos: Sequence[Sample]) -> None:
        self._inputs = _inputs(photos)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._inputs

    def __next__(self) -> dict[str, Any]:
        return next(self._inputs)


def _inputs(photos: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    for sample, shape in zip(photos, cycle(SHAPES)):
        yield {"images": load_photo(sample, shape).fitted.image[None]}
