"""`kerbwatch train export`: a checkpoint becomes the ONNX file that ships, if it proves equal."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cv.detect.model_file import ModelFile
from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.detections import Predict
from cv.train.evaluate import Evaluation, held_out, predict_with_onnx
from cv.train.graph import Deployed, onnx_bytes, predict_with_torch
from cv.train.network import load_checkpoint, runs_of, size_of
from cv.train.onnx_file import with_metadata
from cv.train.outputs import check_output, write_output
from cv.train.parity import EXACT, SHAPES, Parity, check_parity
from cv.train.sizes import Size

__all__ = ["Export", "export", "write_model"]

_MOST_BYTES: dict[str, int] = {Size.N: 12_000_000}
"""What ships inside the package stays small; a larger network is its owner's choice."""


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes:
        version: as the file states it; None: it was not written, for an exact row failed.
        parity: per backend and shape.
        evaluation: of the ONNX file at 640x640; its thresholds are in the file.
    """

    out: Path
    version: str | None
    parity: Sequence[Parity]
    evaluation: Evaluation


def export(checkpoint: Path, data: Path, out: Path | None = None) -> Export:
    """Write the ONNX file of a checkpoint if the graph equals the network on held-out photos.

    The graph runs in onnxruntime on both shapes; where OpenVINO is installed, in it too.

    Args:
        out: None is weights/kerbwatch-<size>.onnx.

    Raises:
        ModelError: the checkpoint or the data cannot be used, `out` cannot be written or is the
            checkpoint, or the file would be too large.
    """
    network = load_checkpoint(checkpoint)
    size = size_of(network)
    out = out or Path("weights", f"kerbwatch-{size}.onnx")
    check_output(out, ".onnx", checkpoint)
    samples = held_out(data)
    deployed = Deployed(network)
    content = onnx_bytes(deployed)
    most = _MOST_BYTES.get(size, len(content))
    if len(content) > most:
        large = f"{len(content) / 1e6:.1f} MB, more than {most / 1e6:.0f} MB"
        raise ModelError(f"{out}: would be {large}")
    parity = check_parity(samples, predict_with_torch(deployed), _candidates(content, out))
    first = {row.backend: row for row in reversed(parity)}  # each one's at 640x640
    evaluation = Evaluation.of(out, SHAPES[0], first[EXACT].found)
    metadata = {
        "labels": json.dumps(LABELS),
        "input": "640x640",
        "size": size,
        "licence": "AGPL-3.0-or-later",
        "trained": json.dumps(runs_of(network)),
        "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    # bfloat16 is how a processor computes, not what the file says: it is shown, and blocks nothing.
    passed = all(row.passed for row in parity if row.exact)
    stated = write_model(content, evaluation, metadata) if passed else None
    return Export(out, stated, parity, evaluation)


def _candidates(content: bytes, out: Path) -> dict[str, Predict]:
    names = [EXACT]
    if importlib.util.find_spec("openvino"):
        names.append("openvino")
    return {name: predict_with_onnx(ModelFile(out, content), name) for name in names}


def write_model(
    content: bytes, evaluation: Evaluation, metadata: dict[str, str], *, kind: str = ""
) -> str:
    """Write an ONNX file with its metadata; name, version and thresholds are its own.

    The version follows from graph and thresholds, so a case that names it says which file saw it.

    Args:
        content: its metadata is replaced.
        kind: ends the version.

    Returns:
        The version.
    """
    out = evaluation.model
    thresholds = json.dumps({label: t.score for label, t in evaluation.thresholds.items()})
    digest = hashlib.sha256(with_metadata(content, {}) + thresholds.encode()).hexdigest()
    stated = f"{version('kerbwatch')}+{digest[:8]}{kind}"
    own = {"name": out.stem, "version": stated, "thresholds": thresholds}
    write_output(out, with_metadata(content, {**metadata, **own}))
    return stated
