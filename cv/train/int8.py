"""INT8 for onnxruntime: U8S8, per channel; boxes and the head's tail stay in float32.

Other kinds are slower than float32 on the processors that we measured (S8S8, U8U8, dynamic). A
range that averages the photos' own ranges, instead of covering the rarest activation, costs no AP50
where the latter cost 1.5 to 2.6 points; the box branches in float32 give back the rest of AP. The
tail turns distances and logits into boxes and scores, where a 256th is a lot.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cv.data.samples import Sample
from cv.train.detections import load_photo

__all__ = ["PHOTOS", "quantized"]

PHOTOS = 96
"""Photos that set the ranges; more change nothing that can be measured."""
_SHAPE = (640, 640)
_FLOAT = (
    re.compile(r"^/model/model\.23/(?!one2one_cv\d)"),  # nodes of the head in none of its branches
    re.compile(r"^/model/model\.23/one2one_cv2"),  # the box branches
    re.compile(r"^/model/model\.23/one2one_cv3\.\d/one2one_cv3\.\d\.2/"),  # the last class layers
)


def quantized(content: bytes, photos: Sequence[Sample]) -> bytes:
    """An INT8 ONNX file of a float32 one of `cv.train.graph`, without metadata.

    Args:
        photos: training photos; their activations set the ranges.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = [node.name for node in onnx.load_from_string(content).graph.node]
    with tempfile.TemporaryDirectory(prefix="kerbwatch-int8-") as folder:
        given, prepared, written = (Path(folder, f"{n}.onnx") for n in ("float", "folded", "int8"))
        given.write_bytes(content)
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            written,
            _Inputs(photos),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[n for n in names if any(part.match(n) for part in _FLOAT)],
            extra_options={"CalibMovingAverage": True},
        )
        return written.read_bytes()


class _Inputs:
    """Photos as the network's inputs: what onnxruntime calls a calibration data reader."""

    def __init__(self, photos: Sequence[Sample]) -> None:
        self._inputs = iter(_inputs(photos))

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._inputs

    def __next__(self) -> dict[str, Any]:
        return next(self._inputs)


def _inputs(photos: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    for sample in photos:
        yield {"images": load_photo(sample, _SHAPE).fitted.image[None]}
