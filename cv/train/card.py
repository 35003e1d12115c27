"""`kerbwatch train card`: the model card, with numbers that were measured just now."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from string import Template

from cv.errors import ModelError
from cv.train.evaluate import Evaluation

__all__ = ["model_card"]

_TEMPLATE = Path(__file__).with_name("card.md")


def model_card(evaluation: Evaluation) -> str:
    """The card of the ONNX file that was evaluated, in Markdown.

    Raises:
        ModelError: it is not a file that `kerbwatch train export` wrote.
    """
    content = evaluation.model.read_bytes()
    metadata = _metadata(content, evaluation.model)
    rows = [
        f"| `{row.label}` | {row.images} | {row.boxes} | {_cell(row.ap50, 3)} | {_cell(row.ap, 3)} "
        f"| {chosen.score:.2f} | {_cell(chosen.precision, 2)} | {_cell(chosen.recall, 2)} |"
        for row in evaluation.scores.labels
        for chosen in (evaluation.thresholds[row.label],)
    ]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=metadata["name"],
        file=evaluation.model.name,
        megabytes=f"{len(content) / 1e6:.1f}",
        version=metadata["version"],
        sha256=hashlib.sha256(content).hexdigest(),
        trained="; then ".join(json.loads(metadata["trained"])),
        photos=evaluation.images,
        input="x".join(map(str, evaluation.shape)),
        ap50=_cell(evaluation.scores.ap50, 3),
        ap=_cell(evaluation.scores.ap, 3),
        rows="\n".join(rows),
    )


def _metadata(content: bytes, file: Path) -> dict[str, str]:
    import onnx

    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # whatever protobuf says of foreign bytes
        raise ModelError(f"{file}: not an ONNX file") from error
    metadata = {item.key: item.value for item in model.metadata_props}
    missing = {"name", "version", "trained"} - metadata.keys()
    if missing:
        raise ModelError(f"{file}: no {min(missing)} in it; write it with kerbwatch train export")
    return metadata


def _cell(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
