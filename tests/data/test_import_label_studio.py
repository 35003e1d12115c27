"""Label Studio's JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cv.errors import ModelError
from tests.data.exports import HEIGHT, WIDTH, label_studio, pixels, rectangle, take, task

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
    brush = {"type": "brushlabels", "value": {"format": "rle", "brushlabels": ["bus"]}}
    of_the_photo = {"type": "choices", "value": {"choices": ["night"]}}
    results = [{"type": "polygonlabels", "value": value}, brush, of_the_photo]
    row = task("a.png", *results)
    taken, (only,) = take(label_studio(tmp_path, row), complete=frozenset({"car", "bus"}))
    assert pixels(only) == [("car", [20, 20, 60, 60])]
    assert (taken.others, only.complete) == (1, {"car"})


def test_an_ellipse_is_the_upright_box_around_it(tmp_path: Path) -> None:
    # 20 pixels to the right and left, 10 up and down; then a quarter turn.
    value = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "ellipselabels": ["car"]}
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    results = [
        {"type": "ellipselabels", "value": value | {"rotation": rotation}, **size}
        for rotation in (0, 90)
    ]
    _, (only,) = take(label_studio(tmp_path, task("a.png", *results)))
    assert pixels(only) == [("car", [80, 40, 120, 60]), ("car", [90, 30, 110, 70])]


def parts(number: str, label: str | None, **value: Any) -> list[dict[str, Any]]:
    """What Rectangle (or Polygon) beside Labels and TextArea writes: results of one region."""
    shape = "polygon" if "points" in value else "rectangle"
    kinds: list[tuple[str, dict[str, Any]]] = [(shape, {}), ("textarea", {"text": ["x"]})]
    if label is not None:
        kinds.insert(1, ("labels", {"labels": [label]}))
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return [{"id": number, "type": k, "value": value | more, **size} for k, more in kinds]


def test_a_shape_and_its_label_may_be_two_results_of_one_region(tmp_path: Path) -> None:
    results = [
        *parts("r1", "car", x=10, y=10, width=20, height=50, rotation=0),
        *parts("r2", "bus", points=[[10, 20], [30, 25], [15, 60]]),
        *parts("r3", "car", x=50, y=20, width=20, height=20, rotation=90),
    ]
    row = task("a.png", *results)
    taken, (only,) = take(label_studio(tmp_path, row), complete=frozenset({"car"}))
    assert pixels(only) == [
        ("car", WHERE),
        ("bus", [20, 20, 60, 60]),
        ("car", [80, 20, 100, 60]),
    ]
    assert (taken.others, only.complete) == (0, {"car"})


def test_a_shape_without_a_label_may_be_anything_so_nothing_is_complete(tmp_path: Path) -> None:
    results = [CAR, *parts("r1", None, x=10, y=10, width=20, height=50)]
    row = task("a.png", *results)
    taken, (only,) = take(label_studio(tmp_path, row), complete=frozenset({"car", "bus"}))
    assert pixels(only) == [("car", WHERE)]
    assert (taken.others, only.complete) == (1, set())
    assert taken.incomplete == {"car": 1, "bus": 1}


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
        (
            task("a.png", {"type": "rectangle", "value": {}}),
            "[0].annotations[0].result[0]: 'id' is",
        ),
        (task("a.png", {"id": 1, "type": "labels", "value": {"labels": ["a", "b"]}}), "one class"),
        (task("http://[", CAR), "data.image: "),
    ],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(ModelError) as error:
        take(label_studio(tmp_path, row))
    assert said in str(error.value)
