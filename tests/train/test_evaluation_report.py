"""The report that people look at: one page that needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.errors import UserError
from cv.train.evaluate import Evaluation
from cv.train.evaluation_report import write_evaluation
from tests.train.found import found

A, B = (100, 100, 200, 200), (300, 300, 400, 400)


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    image = tmp_path / "<street>.png"
    cv2.imwrite(str(image), np.full((640, 640, 3), 90, np.uint8))
    photos = [
        found([("car", A)], [("car", A, 0.9), ("car", B, 0.8)], source="market & lane", image=image)
        for _ in range(12)
    ]
    return Evaluation.of(Path("mine.onnx"), (640, 640), photos, own={"car": 0.85})


def test_the_page_has_plots_tables_and_mistakes_inside(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    page = write_evaluation(evaluation, tmp_path / "report").read_text(encoding="utf-8")
    assert "$" not in page
    assert "market &amp; lane" in page
    assert "&lt;street&gt;.png" in page
    assert len(re.findall('src="data:image/png', page)) == 3
    assert len(re.findall('src="data:image/jpeg', page)) == 8  # of twelve mistakes
    assert not re.search('(src|href)="(?!data:)', page)


def test_the_plots_and_numbers_are_files_too(evaluation: Evaluation, tmp_path: Path) -> None:
    write_evaluation(evaluation, tmp_path / "report")
    for name in ("curves", "confusion", "reliability"):
        plot = cv2.imread(str(tmp_path / "report" / f"{name}.png"))
        assert plot is not None
        assert plot.std() > 5  # something is drawn
    numbers = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert numbers["AP50"] == 1
    assert numbers["labels"]["car"]["boxes"] == 12
    assert numbers["labels"]["bus"]["AP50"] is None
    assert numbers["false_alarms"]["car"]["from"] == 0.85
    assert numbers["sources"]["market & lane"]["labels"]["car"] == {"boxes": 12, "AP50": 1}


def test_the_same_evaluation_gives_the_same_bytes(evaluation: Evaluation, tmp_path: Path) -> None:
    pages = [write_evaluation(evaluation, tmp_path / name).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_a_folder_that_cannot_be_written_is_one_line(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_evaluation(evaluation, tmp_path / "file")
