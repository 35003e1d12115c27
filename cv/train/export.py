"""`kerbwatch train export`: a checkpoint becomes the ONNX file that ships, if it proves equal."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cv.data.samples import read_sources, split, spread
from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.detections import Predict
from cv.train.evaluate import Evaluation, predict_with_onnx
from cv.train.graph import Deployed, onnx_bytes, predict_with_torch, with_metadata
from cv.train.int8 import PHOTOS, quantized
from cv.train.network import load_checkpoint, runs_of, size_of
from cv.train.parity import EXACT, SHAPES, Parity, check_parity
from cv.train.sizes import Size

__all__ = ["Export", "export"]

_MOST_BYTES: dict[str, int] = {Size.N: 12_000_000}
"""What ships inside the package stays small; a larger network is its owner's choice."""
_INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes:
        parity: per backend and shape; the file was written only if all exact ones passed.
        evaluation: of the ONNX file at 640x640; its thresholds are in the file.
        version: as the file states it.
        int8: the INT8 file, if it was asked for and costs at most 0.5 points of AP50.
    """

    out: Path
    written: bool
    version: str
    parity: Sequence[Parity]
    evaluation: Evaluation
    int8: Path | None


def export(checkpoint: Path, data: Path, out: Path | None = None, *, int8: bool = False) -> Export:
    """Write the ONNX file of a checkpoint if the graph equals the network on held-out photos.

    The graph runs in onnxruntime on both shapes; where OpenVINO is installed, in it too.

    Args:
        out: None is weights/kerbwatch-<size>.onnx.
        int8: also write `<out's stem>-int8.onnx`, its ranges set by training photos.

    Raises:
        ModelError: the checkpoint or the data cannot be used, or the file would be too large.
    """
    training, samples = split(read_sources(data))
    if not samples:
        raise ModelError(f"{data}: every source is a single group, so none can be held out")
    network = load_checkpoint(checkpoint)
    size = size_of(network)
    out = out or Path("weights", f"kerbwatch-{size}.onnx")
    deployed = Deployed(network)
    content = onnx_bytes(deployed)
    most = _MOST_BYTES.get(size, len(content))
    if len(content) > most:
        large = f"{len(content) / 1e6:.1f} MB, more than {most / 1e6:.0f} MB"
        raise ModelError(f"{out}: would be {large}")
    small = quantized(content, spread(training, PHOTOS)) if int8 else None
    candidates = _candidates(content, small, out)
    parity = check_parity(samples, predict_with_torch(deployed), candidates)
    first = {row.backend: row for row in reversed(parity)}  # each one's at 640x640
    # The file's version follows from what it was made of, so equal versions are equal models.
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    stated = f"{version('kerbwatch')}+{digest[:8]}"
    evaluation = Evaluation.of(out, SHAPES[0], first[EXACT].found)
    metadata = {
        "version": stated,
        "labels": json.dumps(LABELS),
        "input": "640x640",
        "size": size,
        "licence": "AGPL-3.0-or-later",
        "trained": json.dumps(runs_of(network)),
        "checkpoint_sha256": digest,
    }
    # bfloat16 is how a processor computes, not what the file says: it is shown, and blocks nothing.
    passed = all(row.passed for row in parity if row.exact)
    if passed:
        _write(content, evaluation, metadata)
    small_file = None
    if small and passed and all(row.passed for row in parity if row.backend == _INT8):
        small_file = out.with_stem(f"{out.stem}-int8")
        own = Evaluation.of(small_file, SHAPES[0], first[_INT8].found)
        _write(small, own, {**metadata, "version": f"{stated}.int8"})
    return Export(out, passed, stated, parity, evaluation, small_file)


def _candidates(content: bytes, small: bytes | None, out: Path) -> dict[str, Predict]:
    names = [EXACT]
    if importlib.util.find_spec("openvino"):
        names.append("openvino")
    candidates = {name: predict_with_onnx(content, out, name) for name in names}
    if small:
        candidates[_INT8] = predict_with_onnx(small, out)
    return candidates


def _write(content: bytes, evaluation: Evaluation, metadata: dict[str, str]) -> None:
    """The file with its metadata; thresholds are those of its own scores."""
    out = evaluation.model
    thresholds = {label: chosen.score for label, chosen in evaluation.thresholds.items()}
    stated = {"name": out.stem, "thresholds": json.dumps(thresholds), **metadata}
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(with_metadata(content, stated))
    part.replace(out)
