"""INT8 for OpenVINO: what enters a convolution and its weights in 8 bits, per channel.

Nothing else is rounded: OpenVINO puts the SiLU behind a convolution before the next rounding, so
that each layer rounds once. (onnxruntime rounds before and after a SiLU, which costs accuracy, and
gains less: `docs/decisions.md`, 56.) The head stays in float32, for it turns distances and logits
into boxes and scores, where a 256th is a lot; so do the blocks with attention, which are small, and
which OpenVINO 2026.4 cannot compile in 8 bits.

A range that averages the photos' own ranges, instead of covering the rarest activation, costs
less. Weights are rounded such that their errors cancel (`cv.train.rounding`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cv.data.samples import Sample
from cv.train.detections import load_photo
from cv.train.rounding import round_convolutions

__all__ = ["PHOTOS", "quantized"]

PHOTOS = 96
"""Photos that set the ranges; more change nothing that can be measured."""
_SHAPE = (640, 640)
_FLOAT = re.compile(r"^/model/model\.(10/|22/m\.\d/m\.\d\.1/|23/)")
"""Nodes of the blocks with attention, and of the head."""


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
    return not _FLOAT.match(node)


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
    for sample in photos:
        yield {"images": load_photo(sample, _SHAPE).fitted.image[None]}
