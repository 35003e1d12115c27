"""Composed photos: the same for the same seed, on training photos only, with all true boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.data.samples import LabelledBox, Sample, read_image
from cv.data.scenes import COMPOSED, compose_scenes, is_hidden
from cv.geometry import Box

COUNTS = {"construction_waste": 6, "storefront_goods": 6, "street_stall": 4, "garbage_heap": 4}


def photo(file: Path, seed: int, thing: tuple[int, int, int] | None = None) -> Path:
    """A slightly noisy street, perhaps with a coloured thing in its middle."""
    rng = np.random.default_rng(seed)
    image = rng.normal(110 + seed, 4, (360, 480, 3)).clip(0, 255).astype(np.uint8)
    if thing:
        cv2.ellipse(image, (240, 180), (90, 60), 0, 0, 360, thing, -1)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), image)
    return file


@pytest.fixture
def training(tmp_path: Path) -> list[Sample]:
    """Streets, a front, rubble, a stall and garbage, one or two of each."""
    inside = Box(150 / 480, 120 / 360, 330 / 480, 240 / 360)

    def sample(
        source: str, number: int, *boxes: LabelledBox, thing=None, horizon: float | None = None
    ) -> Sample:
        file = photo(tmp_path / source / f"{number}.png", number, thing)
        labels = frozenset({"car", "street_stall"})
        return Sample(file, source, f"{source}/{number}", labels, boxes, horizon=horizon)

    car = LabelledBox("car", Box(0.1, 0.5, 0.3, 0.7))
    return [
        sample("junction", 1, car, horizon=0.25),
        sample("mine", 2),
        sample("fronts", 3, horizon=0.84),
        sample("yards", 4, LabelledBox("construction_waste", Box(0, 0, 1, 1))),
        sample("markets", 5, LabelledBox("street_stall", inside), thing=(20, 20, 220), horizon=1.0),
        sample("garbage", 6, LabelledBox("garbage_heap", inside), thing=(20, 220, 20)),
    ]


def test_the_same_seed_gives_the_same_bytes(training: list[Sample], tmp_path: Path) -> None:
    first, second, other = (
        compose_scenes(training, COUNTS, tmp_path / name, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    contents = [[scene.sample.image.read_bytes() for scene in s] for s in (first, second, other)]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert [s.sample.boxes for s in first] == [s.sample.boxes for s in second]


def test_each_label_is_set_and_its_box_is_where_the_photo_changed(
    training: list[Sample], tmp_path: Path
) -> None:
    scenes = compose_scenes(training, COUNTS, tmp_path / "out", seed=0)
    assert {scene.sample.image.stem.rsplit("-", 1)[0] for scene in scenes} == set(COUNTS)
    for scene in scenes:
        below = training[scene.background]
        assert below.source in {"junction", "mine", "fronts"}
        assert scene.sample.source == COMPOSED
        assert scene.sample.complete == below.complete
        before, after = read_image(below.image).astype(int), read_image(scene.sample.image)
        changed = np.abs(after - before).mean(axis=2)
        for box in scene.covers:
            x1, y1, x2, y2 = (round(v * n) for v, n in zip(box, (480, 360, 480, 360), strict=True))
            assert changed[y1:y2, x1:x2].mean() > changed.mean()


def test_what_stood_there_stays_labelled_unless_it_is_hidden(
    training: list[Sample], tmp_path: Path
) -> None:
    scenes = compose_scenes(training, COUNTS, tmp_path / "out", seed=3)
    on_junction = [scene for scene in scenes if scene.background == 0]
    assert on_junction
    for scene in on_junction:
        labels = [item.label for item in scene.sample.boxes]
        car = training[0].boxes[0].box
        assert ("car" in labels) == (not is_hidden(car, scene.covers))


def test_hidden_means_mostly_covered() -> None:
    box = Box(0.0, 0.0, 0.4, 0.4)
    assert is_hidden(box, [Box(0.0, 0.0, 0.4, 0.35)])
    assert not is_hidden(box, [Box(0.0, 0.0, 0.4, 0.2)])
    assert not is_hidden(box, [])


def test_no_photos_asked_for_are_no_photos_made(training: list[Sample], tmp_path: Path) -> None:
    assert compose_scenes(training, {}, tmp_path / "out", seed=0) == []


def test_without_material_or_streets_nothing_is_made(
    training: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = "to cut it out of", "to set it onto; see horizon", "to cut it out of"
    for some, why in zip((training[:3], training[3:], []), reasons, strict=True):
        assert compose_scenes(some, COUNTS, tmp_path / "out", seed=0) == []
        told = capsys.readouterr().out
        assert told.startswith("photos composed: construction_waste none (no photo ")
        assert why in told


def test_photos_of_any_source_serve_and_goods_stand_before_fronts_alone(
    training: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [replace(sample, source="mine") for sample in training]
    scenes = compose_scenes(own, COUNTS, tmp_path / "out", seed=0)
    for scene in scenes:
        if scene.sample.image.stem.startswith("storefront_goods"):
            assert own[scene.background].horizon == 0.84
    served = {scene.background for scene in scenes}
    assert served == {0, 1, 2}, "nothing is set onto rubble, garbage, or a horizon of 1"
    flat = [sample for sample in own if sample.horizon != 0.84]
    capsys.readouterr()
    assert compose_scenes(flat, COUNTS, tmp_path / "flat", seed=0)
    told = capsys.readouterr().out
    assert "storefront_goods none (no photo to set it onto" in told
    assert "construction_waste 6, " in told


def test_nothing_is_set_where_a_reviewer_said_what_is_not_there(
    training: list[Sample], tmp_path: Path
) -> None:
    wrong = LabelledBox("street_stall", Box(0.1, 0.5, 0.3, 0.7))
    reviewed = [replace(sample, mistaken=(wrong,)) for sample in training]
    assert compose_scenes(reviewed, COUNTS, tmp_path / "out", seed=0) == []
