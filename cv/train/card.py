"""`kerbwatch train card`: the model card, with numbers that were measured just now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from string import Template

from cv.detect.model_file import ModelFile, int8_file
from cv.errors import ModelError
from cv.train.elsewhere import Elsewhere
from cv.train.evaluate import Evaluation, evaluate
from cv.train.mistakes import false_alarms
from cv.train.onnx_file import metadata_of, parsed, size_in, texts_in
from cv.train.outputs import check_output, write_output
from cv.train.slices import by_source

__all__ = ["model_card", "write_card"]

_TEMPLATE = Path(__file__).with_name("card.md")


def write_card(model: Path, data: Path, out: Path) -> None:
    """Evaluate an exported file, and the INT8 file beside it, and write their card.

    Raises:
        ModelError: the model or the data cannot be used, or the card cannot be written there;
            what can be said before evaluating is.
    """
    small = int8_file(model)
    check_output(out, ".md", model, small)
    _metadata(ModelFile.read(model))
    exact = evaluate(model, data)
    int8 = evaluate(small, data) if small.exists() else None
    write_output(out, model_card(exact, int8).encode())


def model_card(evaluation: Evaluation, int8: Evaluation | None = None) -> str:
    """The card of the ONNX file that was evaluated, in Markdown.

    Args:
        int8: of the INT8 file beside it, if there is one.

    Raises:
        ModelError: it is not a file that `kerbwatch train export` wrote.
    """
    file = ModelFile.read(evaluation.model)
    metadata = _metadata(file)
    sources = by_source(evaluation.found)
    runs = texts_in(metadata, "trained", file.path)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=metadata["name"],
        file=file.path.name,
        megabytes=f"{len(file.content) / 1e6:.1f}",
        version=metadata["version"],
        sha256=file.sha256,
        network=size_in(metadata, file.path).network,
        runs="\n".join(f"{n}. {run}" for n, run in enumerate(runs, start=1)),
        photos=evaluation.images,
        input="x".join(map(str, evaluation.shape)),
        ap50=_cell(evaluation.scores.ap50, 3),
        ap=_cell(evaluation.scores.ap, 3),
        rows="\n".join(_rows(evaluation)),
        elsewhere=_cell(Elsewhere.sum(evaluation.elsewhere.values()).precision, 2),
        sources=", ".join(f"`{name}` {_cell(s.ap50, 2)}" for name, s in sources.items()),
        int8=_int8(int8) if int8 else "",
    )


def _rows(evaluation: Evaluation) -> Iterator[str]:
    alarms = {row.label: row for row in false_alarms(evaluation.found, evaluation.used)}
    for row in evaluation.scores.labels:
        alarm, score = alarms[row.label], evaluation.used[row.label]
        # Not what these photos would choose: what the file says.
        precision, recall = row.worth(score)
        counted = f"{_cell(alarm.per_photo, 2)} ({alarm.alarms} in {alarm.photos})"
        cells = (
            f"`{row.label}`",
            str(row.images),
            str(row.boxes),
            _cell(row.ap50, 3),
            _cell(row.ap, 3),
            f"{score:.2f}",
            _cell(precision, 2),
            _cell(recall, 2),
            _cell(evaluation.elsewhere[row.label].precision, 2),
            counted if alarm.photos else "-",
        )
        yield f"| {' | '.join(cells)} |"


def _int8(evaluation: Evaluation) -> str:
    file = ModelFile.read(evaluation.model)
    return (
        f"`{file.path.name}` ({len(file.content) / 1e6:.1f} MB, sha256\n"
        f"`{file.sha256}`)\n"
        "is the same network in INT8, for OpenVINO: AP50 "
        f"**{_cell(evaluation.scores.ap50, 3)}**,\n"
        f"AP50-95 **{_cell(evaluation.scores.ap, 3)}** on the same photos. Its scores "
        "differ, so its thresholds do.\n\n"
    )


def _metadata(file: ModelFile) -> dict[str, str]:
    metadata = metadata_of(parsed(file))
    missing = {"name", "version", "trained"} - metadata.keys()
    if missing:
        lacking = f"no {min(missing)} in it; write it with kerbwatch train export"
        raise ModelError(f"{file.path}: {lacking}")
    size_in(metadata, file.path)
    texts_in(metadata, "trained", file.path)
    return metadata


def _cell(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
