from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cv.data.samples import LabelledBox, Sample
from cv.geometry import Box

pytestmark = pytest.mark.usefixtures("stack")

PERSON, BICYCLE, CAR, MOTORCYCLE = 0.0, 1.0, 2.0, 3.0
"""Index of the label in COCO_IDS."""
Row = list[float]
SURE = dict.fromkeys(("person", "bicycle", "car", "motorcycle"), 0.4)


def sample(complete: tuple[str, ...] = (), *boxes: LabelledBox) -> Sample:
    return Sample(Path("a.jpg"), "s", "s/g", frozenset(complete), boxes)


def test_sure_boxes_are_taken_and_unsure_ones_become_unknown() -> None:
    from cv.train.fill import sort_found

    found = [[PERSON, 0.8, 0.1, 0.1, 0.2, 0.4], [CAR, 0.2, 0.5, 0.5, 0.9, 0.9]]
    filling = sort_found(sample(), found, SURE)
    assert [b.label for b in filling.sure] == ["person"]
    assert [b.label for b in filling.unsure] == ["car"]
    assert filling.sure[0].box == Box(0.1, 0.1, 0.2, 0.4)


def test_complete_labels_are_not_filled() -> None:
    from cv.train.fill import sort_found

    found = [[CAR, 0.9, 0.5, 0.5, 0.9, 0.9], [PERSON, 0.9, 0.1, 0.1, 0.2, 0.4]]
    filling = sort_found(sample(("car",)), found, SURE)
    assert [b.label for b in filling.sure] == ["person"]


def test_what_a_reviewer_rejected_is_background_and_its_neighbour_unknown() -> None:
    from cv.train.fill import sort_found

    photo = replace(
        sample(),
        absent=frozenset({"car"}),
        mistaken=(LabelledBox("car", Box(0.5, 0.5, 0.9, 0.9)),),
    )
    found = [
        [CAR, 0.9, 0.52, 0.5, 0.9, 0.9],  # the rejected box
        [CAR, 0.8, 0.1, 0.1, 0.3, 0.3],  # nobody looked at this one
        [CAR, 0.2, 0.0, 0.7, 0.1, 0.8],
        [PERSON, 0.9, 0.5, 0.5, 0.9, 0.9],
    ]
    filling = sort_found(photo, found, SURE)
    assert [b.label for b in filling.sure] == ["person"]
    assert [b.box for b in filling.unsure] == [Box(0.1, 0.1, 0.3, 0.3)]


def test_a_labelled_rickshaw_is_not_doubled_as_car_or_motorcycle() -> None:
    from cv.train.fill import sort_found

    rickshaw = LabelledBox("tricycle", Box(0.2, 0.2, 0.6, 0.8))
    found = [
        [CAR, 0.9, 0.22, 0.2, 0.6, 0.8],  # the same box
        [MOTORCYCLE, 0.8, 0.3, 0.5, 0.5, 0.8],  # its front wheel
    ]
    filling = sort_found(sample((), rickshaw), found, SURE)
    assert filling.sure == ()
    assert filling.unsure == ()


def test_a_rider_is_kept_beside_the_labelled_motorcycle() -> None:
    from cv.train.fill import sort_found

    ridden = LabelledBox("motorcycle", Box(0.2, 0.2, 0.4, 0.8))
    filling = sort_found(sample((), ridden), [[PERSON, 0.9, 0.2, 0.2, 0.4, 0.75]], SURE)
    assert [b.label for b in filling.sure] == ["person"]


def test_of_two_names_for_one_thing_the_surer_is_kept() -> None:
    from cv.train.fill import sort_found

    found = [[BICYCLE, 0.5, 0.1, 0.1, 0.3, 0.3], [MOTORCYCLE, 0.7, 0.1, 0.1, 0.3, 0.31]]
    assert [b.label for b in sort_found(sample(), found, SURE).sure] == ["motorcycle"]


@pytest.mark.slow
def test_photos_that_the_cache_lacks_are_looked_at_and_added(media: Path, tmp_path: Path) -> None:
    """A run that was killed before its first checkpoint begins anew with a source more."""
    from cv.train.fill import Filling, fill
    from cv.train.network import load_coco

    network = load_coco(media / "weights" / "yolo26n-coco-fused.npz").eval()
    seen: list[int] = []
    network.register_forward_hook(lambda _module, inputs, _out: seen.append(len(inputs[0])))
    folder = media / "data" / "junction_cctv" / "images"
    photos = [
        Sample(image, "junction_cctv", "g", frozenset(), ()) for image in sorted(folder.iterdir())
    ][:3]
    cache = tmp_path / "coco-boxes.json"

    def filled(some: list[Sample]) -> list[Filling]:
        return fill(some, network, cache, half=False)

    before = filled(photos[:1])
    after = filled(photos)
    assert seen == [1, 2]
    assert after[0] == before[0]
    assert all(filling.sure for filling in after)  # a junction with cars
    filled(photos)
    assert seen == [1, 2]


class TestCache:
    """What is in it is of this photo, as it is now, and of this network."""

    @pytest.fixture(autouse=True)
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Names of photos that the network looked at."""
        names: list[str] = []

        def find(samples: Sequence[Sample], _coco: object, **_how: object) -> list[list[Row]]:
            names.extend(sample.image.name for sample in samples)
            return [[[CAR, 0.9, 0.1, 0.1, 0.5, 0.5]] for _ in samples]

        monkeypatch.setattr("cv.train.fill._find", find)
        return names

    @pytest.fixture
    def photo(self, tmp_path: Path) -> Sample:
        (tmp_path / "a.jpg").write_bytes(b"a picture")
        return replace(sample(), image=tmp_path / "a.jpg")

    @staticmethod
    def filled(
        photo: Sample, cache: Path, bias: float = 0.0, *, others: Sequence[Path] = ()
    ) -> None:
        import torch

        from cv.train.fill import fill

        network = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(network.weight, 1.0)
        torch.nn.init.constant_(network.bias, bias)
        (filling,) = fill([photo], network, cache, half=False, others=others)
        assert [item.label for item in filling.sure] == ["car"]

    def test_the_same_photo_is_looked_at_once(
        self, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        for _ in range(2):
            self.filled(photo, tmp_path / "cache.json")
        assert seen == ["a.jpg"]

    def test_another_photo_of_the_same_name_is_looked_at(
        self, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        self.filled(photo, tmp_path / "cache.json")
        photo.image.write_bytes(b"another picture")
        self.filled(photo, tmp_path / "cache.json")
        os.utime(photo.image, ns=(1, 1))
        self.filled(photo, tmp_path / "cache.json")
        assert len(seen) == 3

    def test_another_network_looks_again(
        self, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        for bias in (0.0, 1.0, 0.0):
            self.filled(photo, tmp_path / "cache.json", bias)
        assert len(seen) == 2

    def test_what_another_run_found_is_taken_and_its_file_left_alone(
        self, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        theirs, mine = tmp_path / "theirs.json", tmp_path / "mine.json"
        self.filled(photo, theirs)
        before = theirs.read_bytes()
        others = [tmp_path / "gone.json", tmp_path, theirs]
        self.filled(photo, mine, others=others)
        assert seen == ["a.jpg"]
        self.filled(photo, tmp_path / "new.json", bias=1.0, others=others)
        assert len(seen) == 2, "they are of another network"
        assert theirs.read_bytes() == before
        theirs.unlink()
        self.filled(photo, mine, others=others)
        assert len(seen) == 2, "what was taken is this run's own from then on"

    @pytest.mark.parametrize("content", ['{"s/a.jpg', "[]", "\xff", '{"s/a.jpg": [[1]]}'])
    def test_a_cache_that_cannot_be_read_is_made_anew(
        self, content: str, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        (tmp_path / "cache.json").write_text(content, encoding="latin-1")
        for _ in range(2):
            self.filled(photo, tmp_path / "cache.json")
        assert seen == ["a.jpg"]

    @pytest.mark.parametrize("rows", [3, [3], [[99, 0.9, 0, 0, 1, 1]], [["1", 0.9, 0, 0, 1, 1]]])
    def test_what_is_no_box_is_looked_at_again(
        self, rows: object, photo: Sample, tmp_path: Path, seen: list[str]
    ) -> None:
        cache = tmp_path / "cache.json"
        self.filled(photo, cache)
        (key,) = json.loads(cache.read_text())
        cache.write_text(json.dumps({key: rows}))
        self.filled(photo, cache)
        assert len(seen) == 2


class TestSureness:
    BOX = (0.1, 0.1, 0.3, 0.3)

    def photos(self, *hits: bool, complete: str = "car") -> list[Sample]:
        """One photo per hit; the model finds one box in each."""
        box = LabelledBox("car", Box(*self.BOX))
        return [sample((complete,), *([box] if hit else [])) for hit in hits]

    def chosen(self, scores: list[float], photos: list[Sample]) -> float:
        from cv.train.sureness import choose_sure

        rows = [[[CAR, score, *self.BOX]] for score in scores]
        return choose_sure(photos, rows, ("person", "bicycle", "car"))["car"]

    def test_the_lowest_score_that_is_precise_enough_is_chosen(self) -> None:
        scores = [0.9 - 0.01 * n for n in range(50)]
        hits = [score >= 0.595 for score in scores]  # 31 right, then 19 wrong
        # 31 of 36 are right down to 0.55, 31 of 37 (0.838) at 0.54.
        assert self.chosen(scores, self.photos(*hits)) == pytest.approx(0.55)

    def test_it_stays_between_its_limits(self) -> None:
        scores = [0.9 - 0.01 * n for n in range(70)]
        assert self.chosen(scores, self.photos(*[True] * 70)) == 0.3
        assert self.chosen(scores, self.photos(*[False] * 70)) == 0.8

    def test_photos_that_cannot_tell_do_not_count(self) -> None:
        scores = [0.9] * 40
        assert self.chosen(scores, self.photos(*[False] * 40, complete="truck")) == 0.5
        assert self.chosen(scores[:20], self.photos(*[True] * 20)) == 0.5
