"""One data set of many sources: mapped, split by group, without leaks, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.data.build import build_data
from cv.data.reading import read_sources
from cv.data.splitting import split
from cv.errors import ModelError, UserError


def picture(seed: int) -> np.ndarray:
    """Coarse random blocks: no two seeds look alike."""
    blocks = np.random.default_rng(seed).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    return blocks.repeat(16, axis=0).repeat(16, axis=1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sources: `yard` with ten groups of two photos, `fronts` with six of one."""
    for source, groups, each in (("yard", 10, 2), ("fronts", 6, 1)):
        folder = tmp_path / "data" / source
        (folder / "images").mkdir(parents=True)
        (folder / "labels").mkdir()
        lines = []
        for number in range(groups * each):
            name = f"{number:02d}"
            seed = number + (100 if source == "fronts" else 0)
            cv2.imwrite(str(folder / f"images/{name}.png"), picture(seed))
            boxes = "11 0.5 0.5 0.2 0.4\n12 0.2 0.2 0.1 0.1\n" if source == "yard" else ""
            (folder / f"labels/{name}.txt").write_text(boxes)
            row = {"image": f"{name}.png", "group": f"g{number // each}", "complete": ["cone"]}
            lines.append(json.dumps(row))
        (folder / "images.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    head = 'upstream = "here"\nlicence = "CC0"\ngroup = "a place"\n'
    (folder / "a.toml").write_text(
        f'name = "yard"\n{head}[labels]\ncone = "cones"\nbarrier = "b"\n'
    )
    (folder / "b.toml").write_text(
        f'name = "fronts"\n{head}absent = ["storefront_goods"]\n[labels]\n'
    )
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_same_input_gives_the_same_bytes(data: Path, sources: Path, tmp_path: Path) -> None:
    first = build_data(sources, data, tmp_path / "one")
    second = build_data(sources, data, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert first.sha256 == second.sha256
    manifest = json.loads((tmp_path / "one/manifest.json").read_text())
    found = contents(tmp_path / "one")
    del found["manifest.json"]
    assert manifest["sha256"] == found
    assert manifest["photos"] == 26


def test_groups_stay_together_and_the_split_is_the_one_of_the_raw_data(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    build_data(sources, data, tmp_path / "out")
    parts = split(read_sources(tmp_path / "out"))
    groups = [{sample.group for sample in part} for part in parts]
    assert groups[0] and groups[1]
    assert not groups[0] & groups[1]
    raw = split(read_sources(data))
    assert [{(s.source, s.image.name) for s in part} for part in parts] == [
        {(s.source, s.image.name) for s in part} for part in raw
    ]


def test_a_training_photo_that_nearly_equals_a_held_out_one_is_left_out(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    training, held = split(read_sources(data))
    twin = cv2.imread(str(held[0].image))
    brighter = np.clip(twin.astype(int) + 12, 0, 255).astype(np.uint8)
    cv2.imwrite(str(training[0].image), cv2.resize(brighter, (150, 110)))
    made = build_data(sources, data, tmp_path / "out")
    assert made.dropped == (f"{training[0].source}/{training[0].image.name}",)
    kept = {(s.source, s.image.name) for s in read_sources(tmp_path / "out")}
    assert (training[0].source, training[0].image.name) not in kept
    assert len(kept) == 25


def test_what_is_absent_is_taught_but_not_scored(data: Path, sources: Path, tmp_path: Path) -> None:
    build_data(sources, data, tmp_path / "out")
    for sample in read_sources(tmp_path / "out"):
        assert ("storefront_goods" in sample.absent) == (sample.source == "fronts")
        assert "storefront_goods" not in sample.complete


def test_where_things_may_be_set_onto_photos_is_carried(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    listing = data / "yard" / "images.jsonl"
    rows = [{**json.loads(line), "horizon": 0.3} for line in listing.read_text().splitlines()]
    listing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_data(sources, data, tmp_path / "one")
    built = read_sources(tmp_path / "one")
    assert {(s.source, s.horizon) for s in built} == {("yard", 0.3), ("fronts", None)}
    text = (sources / "b.toml").read_text()
    (sources / "b.toml").write_text(text.replace("[labels]", "horizon = 1\n[labels]"))
    build_data(sources, data, tmp_path / "two")
    built = read_sources(tmp_path / "two")
    assert {(s.source, s.horizon) for s in built} == {("yard", 0.3), ("fronts", 1)}


def test_labels_are_renamed_or_dropped(data: Path, sources: Path, tmp_path: Path) -> None:
    with (sources / "a.toml").open("a") as file:
        file.write('[rename]\nbarrier = "street_stall"\ncone = ""\n')
    made = build_data(sources, data, tmp_path / "out")
    assert sum(made.boxes["street_stall"]) == 20
    assert made.boxes["cone"] == made.boxes["barrier"] == (0, 0)
    yard = [s for s in read_sources(tmp_path / "out") if s.source == "yard"]
    assert all("cone" not in sample.complete for sample in yard)


def test_an_output_that_exists_is_left_alone(data: Path, sources: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="exists; name a new folder"):
        build_data(sources, data, tmp_path / "out")


def test_a_source_without_photos_is_one_line_and_leaves_nothing(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    (sources / "c.toml").write_text(
        'name = "lanes"\nupstream = "x"\nlicence = "x"\ngroup = "x"\n[labels]\n'
    )
    with pytest.raises(ModelError, match=r"lanes: no photos there"):
        build_data(sources, data, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def annotate(sources: Path, *rows: dict[str, object]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (sources / "yard.boxes.jsonl").write_text(text)


def yard(out: Path, name: str) -> tuple[set[str], list[str]]:
    """Labels that are complete in a photo of `yard`, and its boxes' labels."""
    sample = next(s for s in read_sources(out) if (s.source, s.image.name) == ("yard", name))
    return set(sample.complete), [item.label for item in sample.boxes]


def test_boxes_drawn_later_take_the_place_of_those_of_their_labels(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    stall, barrier = "0 0.5 0.5 0.3 0.3", "12 0.6 0.6 0.1 0.1"
    annotate(
        sources,
        {"image": "03.png", "complete": ["street_stall"], "boxes": [stall, stall, barrier]},
        {"image": "04.png", "complete": ["cone", "barrier"], "boxes": []},
        {"image": "06.png", "complete": [], "undecided": ["cone"], "boxes": ["11 0.3 0.3 0.1 0.1"]},
        {"image": "07.png", "complete": [], "undecided": ["cone"], "boxes": []},
    )
    build_data(sources, data, tmp_path / "out")
    # `cone` is the source's; `barrier` has a box, but nobody says that it is the only one.
    stalls = ["street_stall", "street_stall"]
    assert yard(tmp_path / "out", "03.png") == (
        {"cone", "street_stall"},
        ["cone", *stalls, "barrier"],
    )
    assert yard(tmp_path / "out", "04.png") == ({"cone", "barrier"}, [])
    assert yard(tmp_path / "out", "06.png") == (set(), ["barrier", "cone"])
    assert yard(tmp_path / "out", "07.png") == (set(), ["barrier"])
    assert yard(tmp_path / "out", "05.png") == ({"cone"}, ["cone", "barrier"])


def test_boxes_drawn_later_move_no_photo_between_training_and_held_out(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    before = split(read_sources(data))
    names = [sample.image.name for sample in before[0] if sample.source == "yard"]
    rows = [
        {"image": name, "complete": ["street_stall"], "boxes": ["0 0.5 0.5 0.3 0.3"]}
        for name in names
    ]
    annotate(sources, *rows)
    made = build_data(sources, data, tmp_path / "out")
    assert made.boxes["street_stall"] == (len(names), 0)


def test_what_was_looked_for_and_not_found_is_scored_as_absent(
    data: Path, sources: Path, tmp_path: Path
) -> None:
    row = {"image": "00.png", "complete": ["storefront_goods"], "boxes": []}
    (sources / "fronts.boxes.jsonl").write_text(json.dumps(row))
    build_data(sources, data, tmp_path / "out")
    samples = [s for s in read_sources(tmp_path / "out") if s.source == "fronts"]
    for sample in samples:
        looked = sample.image.name == "00.png"
        assert ("storefront_goods" in sample.complete) == looked
        assert ("storefront_goods" in sample.absent) != looked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"yard\.boxes\.jsonl:1: expected"),
        ('{"image": "00.png", "complete": []}', r"yard\.boxes\.jsonl:1: expected"),
        ('{"image": "00.png", "complete": ["cat"], "boxes": []}', r":1: 'cat' is none of"),
        (
            '{"image": "00.png", "complete": ["car"], "undecided": ["car"], "boxes": []}',
            r":1: car is both complete and undecided",
        ),
        ('{"image": "00.png", "complete": [], "boxes": ["0 2 0 1 1"]}', r":1: x, y, width"),
        ('{"image": "99.png", "complete": [], "boxes": []}', r"99\.png: the source has no such"),
        ('{"image": "00.png", "complete": [], "boxes": []}\n' * 2, r":2: 00\.png is annotated"),
    ],
)
def test_annotations_that_cannot_be_used_are_one_line(
    text: str, message: str, data: Path, sources: Path, tmp_path: Path
) -> None:
    (sources / "yard.boxes.jsonl").write_text(text)
    with pytest.raises(ModelError, match=message):
        build_data(sources, data, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
