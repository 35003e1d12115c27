"""The detector: an upright image in, boxes with labels and scores out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from cv.detect.backends import open_backend
from cv.detect.letterbox import SQUARE, WIDE, input_shape
from cv.detect.model_file import ModelFile
from cv.detect.picture import Picture, Pixels
from cv.errors import ModelError
from cv.geometry import Box, Image
from cv.labels import LABELS

__all__ = ["Detection", "Detector", "ModelInfo", "model_path", "read_model_info"]

_DEFAULT_SCORE = 0.35
_WRITTEN_BY = "write it with `kerbwatch train export`"


class Detection(NamedTuple):
    """One box, label, score in one image; the box is in pixels of the image as given."""

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model file says of itself.

    Attributes:
        thresholds: lowest score that counts, per label.
        sha256: of the file, hexadecimal.
    """

    path: Path
    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    thresholds: dict[str, float]


def model_path() -> Path:
    """The model that ships: KERBWATCH_MODEL, else inside the package, else in the checkout.

    Raises:
        ModelError: there is none.
    """
    package = Path(__file__).resolve().parent.parent
    named = os.environ.get("KERBWATCH_MODEL")
    places = (
        [Path(named)]
        if named
        else [folder / "weights/kerbwatch-n.onnx" for folder in (package, package.parent)]
    )
    for place in places:
        if place.is_file():
            return place
    raise ModelError(f"no model found; looked for {' and '.join(map(str, places))}")


def read_model_info(file: ModelFile) -> ModelInfo:
    """Read an ONNX file's metadata.

    Raises:
        ModelError: not an ONNX file, without the metadata that kerbwatch writes, or of another
            input or output.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # Metadata only: spend no time on optimising a graph that another session runs.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(file.content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no public base class for these
        raise ModelError(f"{file.path}: not an ONNX model") from error
    meta = session.get_modelmeta().custom_metadata_map
    try:
        labels = tuple(map(str, json.loads(meta["labels"])))
        thresholds = {str(k): float(v) for k, v in json.loads(meta["thresholds"]).items()}
        version = meta["version"]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file.path}: no labels, thresholds and version inside; {_WRITTEN_BY}"
        ) from error
    if labels != LABELS:
        raise ModelError(f"{file.path}: trained for other labels; expected {', '.join(LABELS)}")
    _check_ends(session, file.path)
    return ModelInfo(
        path=file.path,
        name=meta.get("name", file.path.stem),
        version=version,
        sha256=file.sha256,
        labels=labels,
        thresholds={label: thresholds.get(label, _DEFAULT_SCORE) for label in labels},
    )


def _check_ends(session: ort.InferenceSession, file: Path) -> None:
    """What goes in and comes out is named and shaped as `cv.detect.backends` wants it.

    Raises:
        ModelError: it is not.
    """
    ends = (*session.get_inputs(), *session.get_outputs())
    form = [(end.name, end.type, len(end.shape), end.shape[-1]) for end in ends if end.shape]
    if form != [("images", "tensor(uint8)", 4, 3), ("detections", "tensor(float)", 3, 6)]:
        raise ModelError(
            f"{file}: does not take `images` in uint8 [1, H, W, 3] and give `detections` in "
            f"float32 [1, N, 6]; {_WRITTEN_BY}"
        )


class Detector:
    """One model, loaded; `detect` may be called from several threads.

    Args:
        model: an ONNX file as `kerbwatch train export` writes it; None is the one that ships.
        backend: "auto", "onnxruntime", "openvino", or "openvino-int8" for the INT8 file beside the
            model; `info` is of the file that runs.
        threads: processors to use; None is all that this process may use.
        side_by_side: that many pictures at once, each on one of them, instead of one on all.

    Raises:
        ModelError: no such file, not such a model, or no such backend.
    """

    def __init__(
        self,
        model: Path | None = None,
        *,
        backend: str = "auto",
        threads: int | None = None,
        side_by_side: bool = False,
    ) -> None:
        path = model or model_path()
        info = read_model_info(ModelFile.read(path))  # before a backend runs what may be anything
        self._backend, file = open_backend(backend, path, threads, side_by_side=side_by_side)
        self.info = info if file.path == path else read_model_info(file)
        self.labels = self.info.labels
        self.thresholds = self.info.thresholds
        self.backend = self._backend.name
        self.threads = self._backend.threads
        self.streams = self._backend.streams
        # As the network's scores are: one that equals its threshold counts.
        self._floor = [float(np.float32(self.thresholds[label])) for label in self.labels]
        self._lowest = min(self._floor)

    def detect(
        self, image: Image, *, min_score: float | None = None, ease: float = 1.0
    ) -> list[Detection]:
        """Find objects in uint8 [height, width, 3] BGR, upright; as `detect_in`."""
        return self.detect_in(Pixels(image), min_score=min_score, ease=ease)

    def detect_in(
        self, picture: Picture, *, min_score: float | None = None, ease: float = 1.0
    ) -> list[Detection]:
        """Find objects, best score first; boxes are in pixels of the picture.

        Args:
            min_score: one threshold for all labels instead of the model's own.
            ease: factor on the model's own thresholds; below 1 lets weaker boxes through, which
                may keep a still object alive but never start one.
        """
        width, height = picture.size
        fitted = picture.fitted(input_shape(width, height))
        rows = self._backend.infer(fitted.image[None])
        # Of 300 rows a handful counts, and one comparison tells most of them from the others.
        rows = rows[rows[:, 4] >= (self._lowest * ease if min_score is None else min_score)]
        if len(rows) == 0:
            return []
        boxes = fitted.to_source(rows[:, :4], width, height).tolist()
        found = [
            Detection(self.labels[int(label)], score, Box(*box))
            for (score, label), box in zip(rows[:, 4:].tolist(), boxes, strict=True)
            if min_score is not None or score >= self._floor[int(label)] * ease
        ]
        found.sort(key=attrgetter("score"), reverse=True)
        return [detection for detection in found if detection.box.area > 0]

    def above_thresholds(self, found: Sequence[Detection]) -> list[Detection]:
        """What of detections with a low `min_score` reaches the model's own thresholds."""
        return [d for d in found if d.score >= self.thresholds[d.label]]

    def warm_up(self) -> None:
        """Run both input shapes once, so that the first real image is not the slow one."""
        for height, width in (SQUARE, WIDE):
            self.detect(np.zeros((height, width, 3), dtype=np.uint8))
