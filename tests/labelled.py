"""Fixtures: small labelled sources, and the training stack loaded once."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.data.reading import read_sources

Row = tuple[str, str, Sequence[str], Sequence[str]]
"""file stem, group, complete labels, lines of the label file."""


@pytest.fixture(scope="session")
def stack() -> None:
    """torch and ultralytics, ready; ask for it before importing what needs them."""
    from cv.train.stack import load_stack

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their own, at import
        load_stack()


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[[str, Sequence[Row]], Path]:
    """Writes a source folder with grey images; gives the data root."""

    def make(name: str, rows: Sequence[Row]) -> Path:
        folder = tmp_path / "data" / name
        (folder / "images").mkdir(parents=True)
        (folder / "labels").mkdir()
        with (folder / "images.jsonl").open("w") as listing:
            for stem, group, complete, lines in rows:
                row = {"image": f"{stem}.png", "group": group, "complete": list(complete)}
                listing.write(json.dumps(row) + "\n")
                image = np.full((48, 64, 3), 120, dtype=np.uint8)
                cv2.imwrite(str(folder / "images" / f"{stem}.png"), image)
                (folder / "labels" / f"{stem}.txt").write_text("\n".join(lines))
        return tmp_path / "data"

    return make


@pytest.fixture(scope="session")
def few_photos(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve real photos of two sources, with groups to hold out."""
    root = tmp_path_factory.mktemp("few")
    chosen: dict[str, dict[str, list[str]]] = {}
    for sample in read_sources(media / "data"):
        if sample.source not in ("junction_cctv", "cones_roadwork") or not sample.boxes:
            continue
        groups = chosen.setdefault(sample.source, {})
        if len(groups) < 3 or sample.group in groups:
            groups.setdefault(sample.group, []).append(sample.image.name)
    for source, groups in chosen.items():
        names = {name for group in groups.values() for name in group[:2]}
        _copy(media / "data" / source, root / source, names)
    return root


def _copy(origin: Path, folder: Path, names: set[str]) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    lines = (origin / "images.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["image"] in names]
    (folder / "images.jsonl").write_text("\n".join(kept) + "\n")
    for name in names:
        shutil.copy(origin / "images" / name, folder / "images" / name)
        label = f"{Path(name).stem}.txt"
        shutil.copy(origin / "labels" / label, folder / "labels" / label)
