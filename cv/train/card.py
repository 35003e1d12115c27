"""`kerbwatch train card`: the model card, with numbers that were measured just now."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from string import Template

from cv.errors import ModelError
from cv.train.evaluate import Evaluation
from cv.train.mistakes import false_alarms
from cv.train.sizes import Size
from cv.train.slices import by_source

__all__ = ["model_card"]

_TEMPLATE = Path(__file__).with_name("card.md")


def model_card(evaluation: Evaluation, int8: Evaluation | None = None) -> str:
    """The card of the ONNX file that was evaluated, in Markdown.

    Args:
        int8: of the INT8 file beside it, if there is one.

    Raises:
        ModelError: it is not a file that `kerbwatch train export` wrote.
    """
    content = evaluation.model.read_bytes()
    metadata = _metadata(content, evaluation.model)
    sources = by_source(evaluation.found)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=metadata["name"],
        file=evaluation.model.name,
        megabytes=f"{len(content) / 1e6:.1f}",
        version=metadata["version"],
        sha256=hashlib.sha256(content).hexdigest(),
        network=Size(metadata.get("size", Size.N)).network,
        trained="; then ".join(json.loads(metadata["trained"])),
        photos=evaluation.images,
        input="x".join(map(str, evaluation.shape)),
        ap50=_cell(evaluation.scores.ap50, 3),
        ap=_cell(evaluation.scores.ap, 3),
        rows="\n".join(_rows(evaluation)),
        sources=", ".join(f"`{name}` {_cell(s.ap50, 2)}" for name, s in sources.items()),
        int8=_int8(int8) if int8 else "",
    )


def _rows(evaluation: Evaluation) -> Iterator[str]:
    alarms = {row.label: row for row in false_alarms(evaluation.found, evaluation.used)}
    for row in evaluation.scores.labels:
        chosen, alarm = evaluation.thresholds[row.label], alarms[row.label]
        counted = f"{_cell(alarm.per_photo, 2)} ({alarm.alarms} in {alarm.photos})"
        cells = (
            f"`{row.label}`",
            str(row.images),
            str(row.boxes),
            _cell(row.ap50, 3),
            _cell(row.ap, 3),
            f"{chosen.score:.2f}",
            _cell(chosen.precision, 2),
            _cell(chosen.recall, 2),
            counted if alarm.photos else "-",
        )
        yield f"| {' | '.join(cells)} |"


def _int8(evaluation: Evaluation) -> str:
    content = evaluation.model.read_bytes()
    return (
        f"`{evaluation.model.name}` ({len(content) / 1e6:.1f} MB, sha256\n"
        f"`{hashlib.sha256(content).hexdigest()}`)\n"
        "is the same network in INT8, which OpenVINO runs on processors with VNNI: AP50 "
        f"**{_cell(evaluation.scores.ap50, 3)}**,\n"
        f"AP50-95 **{_cell(evaluation.scores.ap, 3)}** on the same photos. Its scores "
        "differ, so its thresholds do.\n\n"
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
