"""The model card says what was measured, of exactly the file that ships."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.card import model_card
from cv.train.elsewhere import Elsewhere
from cv.train.evaluate import Evaluation
from cv.train.scoring import LabelScore, Scores
from cv.train.thresholds import Threshold

ROOT = Path(__file__).resolve().parents[2]


def evaluation(model: Path) -> Evaluation:
    empty = np.zeros(0, dtype=np.float32)
    labels = tuple(
        LabelScore(label, 50, n, 0.5 + n / 100, 0.25, empty, empty.astype(bool))
        for n, label in enumerate(LABELS)
    )
    thresholds = {label: Threshold(0.4, "precision", 0.85, float("nan")) for label in LABELS}
    scores, elsewhere = Scores(labels, 0.6234, 0.41), dict.fromkeys(LABELS, Elsewhere())
    return Evaluation(model, 471, (640, 640), [], scores, 0.85, thresholds, elsewhere, used={})


def written(path: Path, **metadata: str) -> Path:
    import onnx

    model = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_card_has_every_label_and_the_file_s_hash(tmp_path: Path) -> None:
    runs = json.dumps(["imgsz 416, epochs 8", "imgsz 512, epochs 7"])
    file = written(tmp_path / "kerbwatch-n.onnx", name="kerbwatch-n", version="1+ab", trained=runs)
    text = model_card(evaluation(file))
    assert hashlib.sha256(file.read_bytes()).hexdigest() in text
    assert "| `car` | 50 | 8 | 0.580 | 0.250 | 0.40 | 0.85 | - | - | - |" in text
    assert "imgsz 416, epochs 8; then imgsz 512, epochs 7" in text
    assert "**0.623**" in text
    assert all(f"`{label}`" in text for label in LABELS)
    assert "$" not in text


def test_a_file_that_was_not_exported_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained in it"):
        model_card(evaluation(written(tmp_path / "a.onnx", name="a", version="1")))
    (tmp_path / "b.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        model_card(evaluation(tmp_path / "b.onnx"))


def test_the_int8_file_beside_it_is_in_the_card(tmp_path: Path) -> None:
    runs = json.dumps(["imgsz 640"])
    file = written(tmp_path / "n.onnx", name="n", version="1", trained=runs)
    small = written(tmp_path / "n-int8.onnx", name="n-int8", version="1.int8", trained=runs)
    text = model_card(evaluation(file), evaluation(small))
    assert hashlib.sha256(small.read_bytes()).hexdigest() in text
    assert "INT8" in text
    assert "INT8" not in model_card(evaluation(file))


def test_the_card_in_the_repository_is_of_the_model_in_it() -> None:
    card = (ROOT / "weights/README.md").read_text(encoding="utf-8")
    models = sorted((ROOT / "weights").glob("*.onnx"))
    assert models
    for model in models:
        assert hashlib.sha256(model.read_bytes()).hexdigest() in card
