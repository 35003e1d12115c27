"""What cannot be quantized is said before the first photo is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cv.errors import ModelError
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture(autouse=True)
def _nothing_is_quantized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cv.train.quantize.quantized")


def test_photos_that_are_all_held_out_set_no_ranges(four_photos: Path, tmp_path: Path) -> None:
    from cv.train.quantize import quantize

    listing = four_photos / "tiny/images.jsonl"
    rows = [json.loads(line) for line in listing.read_text().splitlines()]
    listing.write_text("".join(json.dumps(row | {"split": "held_out"}) + "\n" for row in rows))
    with pytest.raises(ModelError, match=f"{four_photos}: every photo is held out"):
        quantize(write_tiny_model(tmp_path / "n.onnx"), four_photos)


def test_a_folder_in_the_file_s_place_is_named(four_photos: Path, tmp_path: Path) -> None:
    from cv.train.quantize import quantize

    (tmp_path / "n-int8.onnx").mkdir()
    with pytest.raises(ModelError, match=r"n-int8\.onnx: is no file"):
        quantize(write_tiny_model(tmp_path / "n.onnx"), four_photos)


def test_a_plain_onnx_file_is_named(four_photos: Path, tmp_path: Path) -> None:
    from cv.train.quantize import quantize

    with pytest.raises(ModelError, match=r"n\.onnx: trained for other labels"):
        quantize(write_tiny_model(tmp_path / "n.onnx", labels='["cat"]'), four_photos)
