"""The model card says what was measured, of exactly the file that ships."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.card import model_card, write_card
from tests.train.evaluations import evaluation

ROOT = Path(__file__).resolve().parents[2]


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
    assert "| `car` | 50 | 8 | 0.580 | 0.250 | 0.40 | - | 0.00 | - | - |" in text
    assert "\n1. imgsz 416, epochs 8\n2. imgsz 512, epochs 7\n" in text
    assert "**0.623**" in text
    assert all(f"`{label}`" in text for label in LABELS)
    assert "$" not in text


def test_thresholds_are_those_in_the_file_whatever_these_photos_would_choose(
    tmp_path: Path,
) -> None:
    file = written(tmp_path / "n.onnx", name="n", version="1", trained="[]")
    measured = evaluation(file)
    scores = np.array([0.9, 0.5, 0.3, 0.1], dtype=np.float32)
    right = np.array([True, False, True, True])
    labels = tuple(replace(row, scores=scores, right=right) for row in measured.scores.labels)
    text = model_card(
        replace(
            measured,
            scores=replace(measured.scores, labels=labels),
            used=measured.used | {"car": 0.25},
        )
    )
    assert "| `car` | 50 | 8 | 0.580 | 0.250 | 0.25 | 0.67 | 0.25 | - | - |" in text
    assert "| `truck` | 50 | 9 | 0.590 | 0.250 | 0.40 | 0.50 | 0.11 | - | - |" in text


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


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"trained": "nope"}, "its metadata are damaged: trained is no list of texts"),
        ({"trained": "[1]"}, "its metadata are damaged: trained is no list of texts"),
        ({"size": "z"}, "its metadata are damaged: size is 'z', none of n, s"),
    ],
)
def test_damaged_metadata_are_said_before_anything_is_evaluated(
    stated: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("cv.train.card.evaluate")
    usual = {"name": "n", "version": "1", "trained": "[]"}
    file = written(tmp_path / "n.onnx", **{**usual, **stated})
    with pytest.raises(ModelError) as caught:
        write_card(file, tmp_path / "data", tmp_path / "card.md")
    assert str(caught.value) == f"{file}: {said}"


@pytest.mark.parametrize("name", ["n.onnx", "n-int8.onnx", "folder.md"])
def test_a_card_replaces_no_model_and_no_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("cv.train.card.evaluate")
    (tmp_path / "folder.md").mkdir()
    for model in ("n.onnx", "n-int8.onnx"):
        written(tmp_path / model, name="n", version="1", trained="[]")
    before = (tmp_path / "n.onnx").read_bytes()
    with pytest.raises(ModelError, match=f"{name}: "):
        write_card(tmp_path / "n.onnx", tmp_path / "data", tmp_path / name)
    assert (tmp_path / "n.onnx").read_bytes() == (tmp_path / "n-int8.onnx").read_bytes() == before


def test_a_card_is_written_of_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv.train.card.evaluate", lambda model, _data: evaluation(model))
    for model in ("n.onnx", "n-int8.onnx"):
        written(tmp_path / model, name="n", version="1", trained="[]")
    out = tmp_path / "new/card.md"
    write_card(tmp_path / "n.onnx", tmp_path / "data", out)
    expected = model_card(evaluation(tmp_path / "n.onnx"), evaluation(tmp_path / "n-int8.onnx"))
    assert out.read_text(encoding="utf-8") == expected
    assert "n-int8.onnx" in expected


def test_the_card_in_the_repository_is_of_the_model_in_it() -> None:
    card = (ROOT / "weights/README.md").read_text(encoding="utf-8")
    models = sorted((ROOT / "weights").glob("*.onnx"))
    assert models
    for model in models:
        assert hashlib.sha256(model.read_bytes()).hexdigest() in card
