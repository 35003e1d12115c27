"""Which ways to run a model there are, and which file each of them runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.detect.backends import installed_backends
from cv.detect.detector import Detector
from cv.detect.model_file import ModelFile, int8_file
from cv.errors import ModelError
from tests.tiny_model import write_tiny_model


def write_int8(model: Path) -> Path:
    made_from = ModelFile.read(model).sha256
    return write_tiny_model(int8_file(model), version="1.int8", made_from_sha256=made_from)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx", version="1")


def test_without_an_int8_file_there_is_no_such_backend(model: Path) -> None:
    assert installed_backends(model) == ["onnxruntime", "openvino"]
    with pytest.raises(ModelError, match=r"tiny-int8.onnx: No such file"):
        Detector(model, backend="openvino-int8")


def test_the_int8_file_beside_the_model_runs_and_says_what_it_is(model: Path) -> None:
    small = write_int8(model)
    detector = Detector(model, backend="openvino-int8")
    assert (detector.backend, detector.info.path) == ("openvino-int8", small)
    assert detector.info.version == "1.int8"
    assert Detector(model, backend="openvino").info.version == "1"


def test_the_fastest_is_chosen_with_its_own_file(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("cv.detect.backends.cpu_features", lambda: ("avx2",))
    write_int8(model)
    offered: list[str] = []

    def last(candidates: dict[str, object], _: tuple[str, ...], __: int) -> str:
        offered.extend(candidates)
        return offered[-1]

    monkeypatch.setattr("cv.detect.backends.fastest", last)
    assert Detector(model).info.version == "1.int8"
    assert offered == ["onnxruntime", "openvino", "openvino-int8"]


def test_a_processor_on_which_nobody_measured_int8_is_not_offered_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_int8(model)
    monkeypatch.setattr("cv.detect.backends.cpu_features", tuple)
    assert installed_backends(model) == ["onnxruntime", "openvino"]


def test_an_int8_file_of_another_model_does_not_run(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody exported a new model over the old one, and the old one's INT8 file stayed."""
    monkeypatch.setattr("cv.detect.backends.cpu_features", lambda: ("avx2",))
    write_int8(model)
    write_tiny_model(model, version="2")
    assert installed_backends(model) == ["onnxruntime", "openvino"]
    assert "kerbwatch train quantize" in caplog.text
    with pytest.raises(ModelError, match="not made from"):
        Detector(model, backend="openvino-int8")
