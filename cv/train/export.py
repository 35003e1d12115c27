"""`kerbwatch train export`: a checkpoint becomes the ONNX file that ships, if it proves equal."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.detections import Predict
from cv.train.evaluate import Evaluation, held_out, predict_with_onnx
from cv.train.graph import Deployed, onnx_bytes, predict_with_torch, with_metadata
from cv.train.network import load_checkpoint, runs_of
from cv.train.parity import Parity, check_parity

__all__ = ["Export", "export"]

_MAX_BYTES = 12_000_000


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes:
        parity: per backend and shape; the file was written only if all exact ones passed.
        evaluation: of the ONNX file at 640x640; its thresholds are in the file.
        version: as the file states it.
    """

    out: Path
    written: bool
    version: str
    parity: Sequence[Parity]
    evaluation: Evaluation


def export(checkpoint: Path, data: Path, out: Path) -> Export:
    """Write `out` from a checkpoint if the graph equals the network on held-out photos.

    The graph runs in onnxruntime on both shapes; where OpenVINO is installed, in it too.

    Raises:
        ModelError: the checkpoint or the data cannot be used, or the file would be too large.
    """
    samples = held_out(data)
    network = load_checkpoint(checkpoint)
    deployed = Deployed(network)
    content = onnx_bytes(deployed)
    if len(content) > _MAX_BYTES:
        raise ModelError(f"{out}: would be {len(content) / 1e6:.1f} MB, more than 12 MB")
    parity = check_parity(samples, predict_with_torch(deployed), _candidates(content, out))
    first = parity[0]  # onnxruntime at 640x640
    evaluation = Evaluation.of(out, first.shape, first.found)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    # The file's version follows from what it was made of, so equal versions are equal models.
    stated = f"{version('kerbwatch')}+{digest[:8]}"
    # bfloat16 is how a processor computes, not what the file says: it is shown, and blocks nothing.
    passed = all(row.passed for row in parity if row.exact)
    if passed:
        metadata = {
            "name": out.stem,
            "version": stated,
            "labels": json.dumps(LABELS),
            "thresholds": json.dumps({k: t.score for k, t in evaluation.thresholds.items()}),
            "input": "640x640",
            "licence": "AGPL-3.0-or-later",
            "trained": json.dumps(runs_of(network)),
            "checkpoint_sha256": digest,
        }
        _write(out, with_metadata(content, metadata))
    return Export(out, passed, stated, parity, evaluation)


def _candidates(content: bytes, out: Path) -> dict[str, Predict]:
    names = ["onnxruntime"]
    if importlib.util.find_spec("openvino"):
        names.append("openvino")
    return {name: predict_with_onnx(content, out, name) for name in names}


def _write(out: Path, content: bytes) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(content)
    part.replace(out)
