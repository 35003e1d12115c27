"""What ultralytics is given to train on: which photos an epoch has, and how often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image as Pillow

from cv.data.samples import LabelledBox, Sample
from cv.data.scenes import COMPOSED
from cv.geometry import Box
from cv.labels import LABELS

pytestmark = pytest.mark.usefixtures("stack")


def photo(folder: Path, source: str, name: str, *labels: str) -> Sample:
    image = folder / f"{name}.jpg"
    image.write_bytes(b"")
    boxes = tuple(LabelledBox(label, Box(0.1, 0.1, 0.4, 0.4)) for label in labels)
    return Sample(image, source, f"{source}/one", frozenset({"car"}), boxes)


@pytest.mark.parametrize("source", ["plain", "images", "labels", "train.txt"])
def test_ultralytics_finds_the_boxes_whatever_a_source_is_called(
    tmp_path: Path, source: str
) -> None:
    from ultralytics.data.utils import img2label_paths

    from cv.train.dataset import write_dataset
    from cv.train.fill import Filling

    training = [photo(tmp_path, source, "a", "car"), photo(tmp_path, "other", "b", "car", "car")]
    held = [photo(tmp_path, source, "c", "car", "car", "car")]
    write_dataset(training, [Filling()] * 2, held, tmp_path / "images")
    for listing, boxes in (("train.txt", [1, 2]), ("val.txt", [3])):
        listed = (tmp_path / "images" / listing).read_text(encoding="utf-8").splitlines()
        assert all(Path(line).read_bytes() == b"" for line in listed)
        cars = [Path(file).read_text().count("8 0.25") for file in img2label_paths(listed)]
        assert cars == boxes


def test_a_run_may_be_called_anything_and_moved(tmp_path: Path) -> None:
    from ultralytics.data.utils import check_det_dataset, img2label_paths

    from cv.train.dataset import read_dataset, write_dataset
    from cv.train.fill import Filling

    written = write_dataset(
        [photo(tmp_path, "mine", "a", "car")],
        [Filling()],
        [photo(tmp_path, "mine", "b", "car")],
        tmp_path / "跑𠮷" / "dataset",
    )
    (tmp_path / "跑𠮷").rename(tmp_path / "运行𠮷")
    moved = read_dataset(tmp_path / "运行𠮷" / "dataset")
    assert moved.ignore_sets == written.ignore_sets
    description = check_det_dataset(str(moved.yaml))
    for part in ("train", "val"):
        listed = Path(description[part]).read_text(encoding="utf-8").splitlines()
        assert [Path(file).is_file() for file in listed + img2label_paths(listed)] == [True] * 2


def test_ultralytics_takes_photos_whatever_their_suffix_is(tmp_path: Path) -> None:
    from ultralytics.data.dataset import YOLODataset

    from cv.train.dataset import write_dataset
    from cv.train.fill import Filling

    training = []
    for name, form in (("a", "JPEG"), ("b.jfif", "PNG"), ("c.GIF", "WEBP"), ("d.1", "BMP")):
        image = tmp_path / name
        Pillow.new("RGB", (20, 10)).save(image, form)
        box = LabelledBox("car", Box(0.1, 0.1, 0.4, 0.4))
        training.append(Sample(image, "mine", "mine/one", frozenset(LABELS), (box,)))
    write_dataset(training, [Filling()] * 4, training[:1], tmp_path / "set")
    names = {"names": dict(enumerate(LABELS)), "channels": 3}
    taken = YOLODataset(
        img_path=str(tmp_path / "set/train.txt"), data=names, imgsz=32, augment=False
    )
    assert [len(item["cls"]) for item in taken.labels] == [1, 1, 1, 1]
    assert [taken.load_image(number)[1] for number in range(4)] == [(10, 20)] * 4


def test_photos_of_rare_labels_and_of_chosen_sources_are_listed_more_often(tmp_path: Path) -> None:
    from cv.train.dataset import write_dataset
    from cv.train.fill import Filling

    samples = [
        photo(tmp_path, "plain", "a", "car"),
        photo(tmp_path, "plain", "b", "car", "street_stall"),
        photo(tmp_path, "mine", "c", "car"),
        photo(tmp_path, "mine", "d", "street_stall"),
        photo(tmp_path, "mine", "e"),
        photo(tmp_path, COMPOSED, "f", "street_stall"),
    ]
    nothing = [Filling()] * len(samples)
    write_dataset(samples, nothing, samples[:1], tmp_path / "set", {"mine": 3})
    listed = (tmp_path / "set/train.txt").read_text(encoding="utf-8").splitlines()
    often = Counter(Path(line).stem for line in listed)
    assert often == {"a": 1, "b": 2, "c": 3, "d": 6, "e": 3, "f": 1}
    held_out = (tmp_path / "set/val.txt").read_text(encoding="utf-8").splitlines()
    assert [Path(line).stem for line in held_out] == ["a"]
