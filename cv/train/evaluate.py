"""`kerbwatch train evaluate`: AP per label on photos of places that training never saw."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cv.cpus import usable_cpus
from cv.data.reading import read_sources
from cv.data.samples import Sample
from cv.data.splitting import only, split, why_unscored
from cv.detect.backends import load_backend
from cv.detect.detector import read_model_info
from cv.detect.model_file import ModelFile
from cv.errors import ModelError
from cv.geometry import Image
from cv.labels import LABELS
from cv.train.bounds import check_number
from cv.train.detections import Floats, Found, Predict, find
from cv.train.elsewhere import Elsewhere, elsewhere
from cv.train.scoring import Scores, score
from cv.train.thresholds import PRECISION, Threshold, choose_thresholds

__all__ = [
    "INT8",
    "Evaluation",
    "check_int8_runs",
    "evaluate",
    "held_out",
    "open_predictor",
    "predict_with_onnx",
    "training_and_held_out",
]

INT8 = "openvino-int8"
"""The backend of INT8 files."""
_TORCH = {".pt", ".npz"}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Scores of a model on held-out photos, and the thresholds that follow from them.

    Attributes:
        images: number of photos.
        shape: (height, width) of the input.
        found: what was found in each photo.
        precision: what the thresholds were chosen for.
        thresholds: chosen on these photos.
        elsewhere: what thresholds are worth on photos that did not choose them.
        used: what mistakes are counted at: the thresholds in the model file, else the chosen ones.
    """

    model: Path
    images: int
    shape: tuple[int, int]
    found: Sequence[Found]
    scores: Scores
    precision: float
    thresholds: dict[str, Threshold]
    elsewhere: dict[str, Elsewhere]
    used: dict[str, float]

    @classmethod
    def of(
        cls,
        model: Path,
        shape: tuple[int, int],
        found: Sequence[Found],
        precision: float = PRECISION,
        own: dict[str, float] | None = None,
    ) -> Evaluation:
        """Score what was found; `own` are the thresholds in the model file."""
        scores = score(found)
        chosen = choose_thresholds(scores, precision)
        used = {label: chosen[label].score for label in LABELS} | (own or {})
        other = elsewhere(found, precision)
        return cls(model, len(found), shape, found, scores, precision, chosen, other, used)


def evaluate(
    model: Path,
    data: Path,
    *,
    imgsz: int = 640,
    precision: float = PRECISION,
    source: str | None = None,
) -> Evaluation:
    """Score an ONNX file, a checkpoint (.pt) or COCO weights (.npz) on held-out photos.

    Classes of other checkpoints are known by name: COCO's car is our car.

    Args:
        source: score all photos of this source instead; it should not have trained the model.

    Raises:
        ModelError: the model or the data cannot be used, no label is complete in any photo, or the
            size or precision is not allowed.
    """
    check_number("imgsz", imgsz)
    if not 0 < precision < 1:
        raise ModelError(f"precision {precision:g}: must be between 0 and 1")
    labelled = read_sources(data)
    samples = only(labelled, source) if source else split(labelled)[1]
    # Where nothing is to be found, false alarms can be counted still.
    if not any(sample.complete for sample in samples):
        raise ModelError(f"{data}: {why_unscored(samples)}")
    shape = (imgsz, imgsz)
    own = _own_thresholds(model)
    found = list(find(samples, open_predictor(model), shape))
    return Evaluation.of(model, shape, found, precision, own)


def held_out(data: Path) -> Sequence[Sample]:
    """The photos that never train.

    Raises:
        ModelError: there are none, or none can score a network: nothing could be proved with them.
    """
    return training_and_held_out(data)[1]


def training_and_held_out(data: Path) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """All photos: those that train, and those that never do.

    Raises:
        ModelError: as `held_out`.
    """
    training, samples = split(read_sources(data))
    if why := why_unscored(samples):
        raise ModelError(f"{data}: {why}")
    return training, samples


def open_predictor(model: Path) -> Predict:
    """Load an ONNX file, a checkpoint or COCO weights to run on letterboxed images.

    An INT8 file runs in OpenVINO, as it does in the field: onnxruntime would round elsewhere, and
    find something else.

    Raises:
        ModelError: no such file, not a model, or what runs it is not installed.
    """
    if model.suffix in _TORCH:
        from cv.train.stack import load_stack

        load_stack()
        from cv.train.graph import Deployed, predict_with_torch
        from cv.train.network import load_foreign

        network, known = load_foreign(model)
        return predict_with_torch(Deployed(network), known)
    file = ModelFile.read(model)
    if not file.is_int8:
        return predict_with_onnx(file)
    check_int8_runs()
    return predict_with_onnx(file, INT8)


def check_int8_runs() -> None:
    """Raises ModelError if OpenVINO is not installed."""
    if importlib.util.find_spec("openvino") is None:
        raise ModelError('INT8 runs in OpenVINO; pip install "kerbwatch[openvino]"')


def predict_with_onnx(file: ModelFile, backend: str = "onnxruntime") -> Predict:
    """Run an ONNX file as the detector does."""
    session = load_backend(backend, file, usable_cpus())

    def predict(image: Image) -> Floats:
        return session.infer(image[None])

    return predict


def _own_thresholds(model: Path) -> dict[str, float] | None:
    return None if model.suffix in _TORCH else read_model_info(ModelFile.read(model)).thresholds
