"""`kerbwatch train quantize`: the INT8 file beside an exported model, if it costs little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cv.data.splitting import spread
from cv.detect.detector import read_model_info
from cv.detect.model_file import MADE_FROM, ModelFile, int8_file
from cv.errors import ModelError
from cv.train.evaluate import (
    INT8,
    Evaluation,
    check_int8_runs,
    predict_with_onnx,
    training_and_held_out,
)
from cv.train.export import write_model
from cv.train.int8 import PHOTOS, quantized
from cv.train.onnx_file import metadata_of, parsed
from cv.train.outputs import check_output
from cv.train.parity import EXACT, SHAPES, Parity, check_parity

__all__ = ["Quantized", "quantize"]


@dataclass(frozen=True, slots=True)
class Quantized:
    """What quantizing did.

    Attributes:
        out: the INT8 file.
        version: as the file states it; None: it was not written, for it would cost more than 0.5
            points of AP50 at one of the input shapes.
        parity: with the float32 file, per input shape.
        evaluation: at 640x640; its thresholds are in the file.
    """

    out: Path
    version: str | None
    parity: Sequence[Parity]
    evaluation: Evaluation


def quantize(model: Path, data: Path) -> Quantized:
    """Write the INT8 file of an exported model, and compare the two on held-out photos.

    Args:
        data: its training photos set the ranges of activations, and which way weights are rounded.

    Raises:
        ModelError: the model or the data cannot be used, the INT8 file cannot be written, or
            OpenVINO is not installed.
    """
    check_int8_runs()
    exact, out = ModelFile.read(model), int8_file(model)
    read_model_info(exact)  # refuses what is none of ours
    check_output(out, ".onnx", model)
    training, samples = training_and_held_out(data)
    if not training:
        raise ModelError(f"{data}: every photo is held out, so none sets ranges")
    small = ModelFile(out, quantized(exact.content, spread(training, PHOTOS)))
    reference = predict_with_onnx(exact, EXACT)
    parity = check_parity(samples, reference, {INT8: predict_with_onnx(small, INT8)})
    evaluation = Evaluation.of(small.path, SHAPES[0], parity[0].found)
    version = None
    if all(row.passed for row in parity):
        metadata = metadata_of(parsed(exact)) | {MADE_FROM: exact.sha256}
        version = write_model(small.content, evaluation, metadata, kind=".int8")
    return Quantized(small.path, version, parity, evaluation)
