"""A file's version says what sees, so that a case can be traced to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.detect.detector import model_path, read_model_info
from cv.detect.model_file import ModelFile
from cv.errors import ModelError
from tests.tiny_model import write_tiny_model
from tests.train.evaluations import evaluation

pytest.importorskip("onnx")


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_tiny_model(tmp_path / "given.onnx").read_bytes()


def write(content: bytes, out: Path, threshold: float = 0.4, kind: str = "") -> str:
    from cv.train.export import write_model
    from cv.train.onnx_file import metadata_of, parsed

    metadata = metadata_of(parsed(ModelFile(out, content)))
    stated = write_model(content, evaluation(out, threshold), metadata, kind=kind)
    assert read_model_info(ModelFile.read(out)).version == stated
    return stated


def test_the_same_graph_with_other_thresholds_is_another_version(
    content: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "a.onnx"
    versions = [write(content, out, threshold) for threshold in (0.4, 0.5, 0.4)]
    assert versions[0] == versions[2] != versions[1]


def test_a_file_written_anew_keeps_its_version(content: bytes, tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    stated = write(content, out)
    assert write(out.read_bytes(), tmp_path / "b.onnx") == stated


@pytest.mark.usefixtures("stack")
def test_a_checkpoint_is_not_replaced_by_its_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cv.train.export import export
    from cv.train.network import load_shipped, save_network

    monkeypatch.setattr("cv.train.export.held_out", None)  # nothing is done before it is said
    checkpoint = tmp_path / "best.pt"
    save_network(load_shipped(model_path()), checkpoint)
    before = checkpoint.read_bytes()
    (tmp_path / "folder.onnx").mkdir()
    for name in ("best.pt", "best", "folder.onnx"):
        with pytest.raises(ModelError, match=f"{name}: "):
            export(checkpoint, tmp_path / "data", tmp_path / name)
    assert checkpoint.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["best.pt", "folder.onnx"]


def test_the_kind_of_file_ends_its_version(content: bytes, tmp_path: Path) -> None:
    assert write(content, tmp_path / "a-int8.onnx", kind=".int8").endswith(".int8")
