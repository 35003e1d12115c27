"""Label Studio's JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cv.errors import ModelError
from tests.data.exports import label_studio, pixels, rectangle, take, task

CAR = rectangle("car", 10, 10, 20, 50)
WHERE = [20, 10, 60, 60]


@pytest.mark.parametrize(
    "image",
    [
        "a.png",
        "/data/upload/3/0a1b2c3d-a.png",
        "/data/local-files/?d=photos/a.png",
        "s3://bucket/some/a.png",
        "http://host:8080/a.png?token=b.png",
    ],
)
def test_boxes_are_taken_however_the_photo_is_addressed(tmp_path: Path, image: str) -> None:
    _, (only,) = take(label_studio(tmp_path, task(image, CAR)))
    assert pixels(only) == [("car", WHERE)]


def test_a_turned_box_is_the_upright_one_around_it(tmp_path: Path) -> None:
    # 40 x 20 pixels, a quarter turn clockwise about its upper left corner.
    turned = rectangle("car", 50, 20, 20, 20, rotation=90)
    _, (only,) = take(label_studio(tmp_path, task("a.png", turned)))
    assert pixels(only) == [("car", [80, 20, 100, 60])]


def test_polygons_are_taken_and_other_results_counted(tmp_path: Path) -> None:
    value = {"points": [[10, 20], [30, 25], [15, 60]], "polygonlabels": ["car"]}
    results = [{"type": "polygonlabels", "value": value}, {"type": "choices", "value": {}}]
    taken, (only,) = take(label_studio(tmp_path, task("a.png", *results)))
    assert pixels(only) == [("car", [20, 20, 60, 60])]
    assert taken.others == 1


def test_cancelled_annotations_do_not_count_and_the_truth_does(tmp_path: Path) -> None:
    bus = rectangle("bus", 10, 10, 20, 50)
    row = task("a.png", CAR)
    row["annotations"] += [{"result": [bus, bus]}, {"result": [bus], "was_cancelled": True}]
    export = label_studio(tmp_path, row)
    assert len(take(export)[1][0].boxes) == 2
    row["annotations"][0]["ground_truth"] = True
    other = tmp_path / "other"
    other.mkdir()
    assert pixels(take(label_studio(other, row))[1][0]) == [("car", WHERE)]


def test_a_task_nobody_did_is_left_out(tmp_path: Path) -> None:
    undone = {"data": {"image": "a.png"}, "annotations": []}
    with pytest.raises(ModelError, match="no photo has labels"):
        take(label_studio(tmp_path, undone))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (3, "tasks.json: [0]: must be an object"),
        ({"image": "a.png", "label": []}, "export as JSON, not JSON-MIN"),
        (task("b.png"), "[0].data.image: photo 'b.png' is not below"),
        (task("a.png", rectangle("car", 1, 1, 1, 1, image_rotation=90)), "'image_rotation' is"),
        (task("a.png", {"type": "rectanglelabels"}), "[0].annotations[0].result[0]: 'value' is"),
        (task("a.png", CAR | {"value": CAR["value"] | {"x": "1"}}), "value.x: must be a number"),
        (task("a.png", CAR | {"value": CAR["value"] | {"rectanglelabels": []}}), "one class"),
        (task("http://[", CAR), "data.image: "),
    ],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(ModelError) as error:
        take(label_studio(tmp_path, row))
    assert said in str(error.value)
