"""What trains and what is held out."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cv.data.reading import read_sources
from cv.data.samples import LabelledBox, Sample
from cv.data.splitting import leave_out, only, share_of, split
from cv.errors import ModelError
from cv.geometry import Box
from cv.labels import LABELS


def sample(source: str, group: int, number: int, *labels: str) -> Sample:
    boxes = tuple(LabelledBox(label, Box(0.1, 0.1, 0.5, 0.5)) for label in labels)
    image = Path(f"{source}/{group}-{number}.jpg")
    return Sample(image, source, f"{source}/{group}", frozenset(labels), boxes)


def test_split_keeps_groups_whole_and_does_not_depend_on_order() -> None:
    samples = [sample("a", g, n, "car") for g in range(20) for n in range(5)]
    training, validation = split(samples)
    assert {s.group for s in training}.isdisjoint(s.group for s in validation)
    assert len(training) + len(validation) == len(samples)
    assert 0.1 <= len(validation) / len(samples) <= 0.2
    shuffled = random.Random(1).sample(samples, len(samples))
    assert {s.image for s in split(shuffled)[1]} == {s.image for s in validation}


def test_split_holds_out_some_boxes_of_every_label_that_has_two_groups() -> None:
    common = [sample("a", g, n, "car") for g in range(30) for n in range(5)]
    rare = [sample("b", g, 0, "cone") for g in range(4)]
    _, validation = split(common + rare)
    assert any(s.source == "b" for s in validation)


def test_sources_are_taken_alone_or_left_out() -> None:
    photos = [sample(source, 0, n, "car") for source in "abc" for n in range(2)]
    assert {s.source for s in only(photos, "b")} == {"b"}
    assert {s.source for s in leave_out(photos, ["b", "c"])} == {"a"}
    assert leave_out(photos, []) == photos
    for wrong in (lambda: only(photos, "d"), lambda: leave_out(photos, ["d"])):
        with pytest.raises(ModelError, match="'d' is no source; there are a, b, c"):
            wrong()
    with pytest.raises(ModelError, match="every source is left out"):
        leave_out(photos, "abc")
    for sources in ([], ["a"]):
        with pytest.raises(ModelError, match="no photo trains, for `split`"):
            leave_out([], sources)


def test_a_share_is_of_every_source_by_whole_groups_and_within_a_larger_one() -> None:
    photos = [sample(source, n % 8, n, "car") for source in "ab" for n in range(40)]
    quarter, half = share_of(photos, 0.25), share_of(photos, 0.5)
    assert Counter(s.source for s in quarter) == {"a": 10, "b": 10}
    assert Counter(Counter(s.group for s in half).values()) == {5: 8}, "four groups of each"
    assert {s.image for s in quarter} < {s.image for s in half}
    assert share_of(photos, 1.0) == photos
    assert len(share_of(photos[:3], 0.01)) == 1
    for wrong in (0.0, 1.01):
        with pytest.raises(ModelError, match="a share is more than 0"):
            share_of(photos, wrong)


def test_a_label_or_source_of_one_group_only_trains() -> None:
    training, validation = split([sample("a", 0, n, "car") for n in range(50)])
    assert len(training) == 50
    assert validation == []


@pytest.mark.parametrize("town", range(12))
def test_the_last_group_of_a_label_trains_though_others_of_its_source_are_held_out(
    town: int,
) -> None:
    photos = [
        sample(f"town{town}", g, n, "car", *(["cone"] if g == 0 else []))
        for g in range(8)
        for n in range(4)
    ]
    training, held = split(photos)
    assert held
    assert any(box.label == "cone" for s in training for box in s.boxes)


def test_where_each_group_is_the_last_of_a_label_one_is_held_out_all_the_same() -> None:
    photos = [sample("a", g, n, label) for g, label in enumerate(("car", "bus")) for n in range(2)]
    training, held = split(photos)
    assert training
    assert held


def test_the_one_group_of_a_source_trains_whatever_else_has_its_label() -> None:
    own = [sample("mine", 0, n, "street_stall") for n in range(300)]
    others = [sample("a", g, n, "street_stall") for g in range(20) for n in range(5)]
    training, validation = split([*others, *own])
    assert all(s in training for s in own)
    assert validation


@pytest.mark.parametrize("name", ["mine", "city", "photos", "own"])
def test_most_of_a_source_trains_whatever_it_is_called(name: str) -> None:
    """As `train/images` and `valid/images` of an export are two groups."""
    large = [sample(name, 0, n, "car") for n in range(900)]
    small = [sample(name, 1, n, "car") for n in range(100)]
    training, validation = split([*large, *small])
    assert (training, validation) == (large, small)


def test_what_a_build_has_decided_stays_so_beside_what_it_has_not_seen() -> None:
    built = [
        replace(sample("a", g, n, "cone"), split="held_out" if g == 7 else "train")
        for g in range(20) for n in range(5)
    ]  # fmt: skip
    own = [sample("mine", g, n, "cone") for g in range(10) for n in range(40)]
    training, validation = split([*built, *own])
    assert {s.group for s in validation if s.source == "a"} == {"a/7"}
    assert [s for s in validation if s.source == "mine"] == split(own)[1] != []
    assert len(training) + len(validation) == len(built) + len(own)


def test_a_camera_is_one_place_in_the_folders_of_two_runs(tmp_path: Path) -> None:
    for month in ("may", "june"):
        (tmp_path / month / "images").mkdir(parents=True)
        rows = []
        for number in range(20):
            for group in (f"/camera/{number}", "own/photos"):
                name = f"{group.replace('/', '-')}-{number}.jpg"
                (tmp_path / month / "images" / name).touch()
                rows.append(json.dumps({"image": name, "group": group, "complete": []}))
        (tmp_path / month / "images.jsonl").write_text("\n".join(rows))
    samples = read_sources(tmp_path)
    assert {s.group for s in samples if "camera" not in s.group} == {
        "may/own/photos",
        "june/own/photos",
    }
    training, validation = split(samples)
    assert validation
    assert not {s.group for s in training} & {s.group for s in validation}
    built = [replace(s, split="held_out" if s in validation else "train") for s in samples]
    seen = [s for s in built if s.source == "may"]
    new = [s for s in samples if s.source == "june"]
    later = split([*seen, *new])
    assert not {s.group for s in later[0]} & {s.group for s in later[1]}


@pytest.mark.media
def test_the_shared_data_gives_every_label_something_to_validate(media: Path) -> None:
    samples = read_sources(media / "data")
    training, validation = split(samples)
    assert 0.1 <= len(validation) / len(samples) <= 0.25
    for part in (training, validation):
        boxes = Counter(b.label for s in part for b in s.boxes if b.label in s.complete)
        assert set(boxes) == set(LABELS)
