"""Film of a simulated street: what is seen is where the boxes say, and twice the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from cv.cli import app
from cv.sim.assets import thing
from cv.sim.film import Film
from cv.sim.reading import load_scenario
from cv.sim.scenario import SHAPES, Scenario, StreetTable
from cv.sim.scene import SIZES, size_of
from cv.site import load_site

pytestmark = pytest.mark.slow

TEXT = """
name = "Short"
about = "A car stands, one drives up, somebody passes behind a stall."
start = 2026-03-14T15:00:00+08:00
duration = "6s"
every = "500ms"
seed = 3

[camera]
size = [320, 192]
height = 4.5
tilt = 16.0
sway = 0.0

[[zones]]
id = "lane"
kind = "lane"
ground = [[-3.4, 9], [-0.1, 9], [-0.1, 34]]
dwell = "2s"

[[things]]
id = "stall"
kind = "street_stall"
at = [1.6, 11]

[[things]]
id = "car"
kind = "car"
path = [["0s", -1.7, 24], ["2s", -1.7, 13], ["9s", -1.7, 13], ["10s", -1.7, 12]]

[[things]]
id = "walker"
kind = "person"
path = [["0s", -1, 14], ["6s", 4, 14]]

[[gaps]]
from = "4s"
until = "5s"

[[incidents]]
thing = "car"
matter = "blocked_lane"
zone = "lane"
from = "2s"
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "short.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scenario(file: Path) -> Scenario:
    return load_scenario(file)


@pytest.mark.parametrize("label", SIZES)
def test_things_are_as_large_as_their_label_says(label: str) -> None:
    points = np.array(thing(label, seed=5).vertices)
    assert np.ptp(points, axis=0) == pytest.approx(SIZES[label])
    assert points[:, 2].min() == pytest.approx(0)
    looks = [thing(label, seed=n) for n in range(6)]
    if label != "cone":  # one cone is like another
        assert len({(tuple(look.vertices), tuple(look.paints)) for look in looks}) > 1


@pytest.mark.parametrize(
    ("label", "shape"), [(k, s) for k, shapes in SHAPES.items() for s in shapes]
)
def test_every_shape_has_its_own_look_and_size(label: str, shape: str) -> None:
    made = thing(label, seed=5, shape=shape)
    assert np.ptp(np.array(made.vertices), axis=0) == pytest.approx(size_of(label, shape))
    others = [thing(label, seed=5, shape=other) for other in SHAPES[label] if other != shape]
    assert all(made.vertices != other.vertices for other in others)


def test_a_mat_lies_on_the_ground_where_its_box_says(scenario: Scenario) -> None:
    mat = scenario.things[0].model_copy(update={"shape": "mat"})
    with_mat, (seen,) = Film(scenario.model_copy(update={"things": [mat]})).frame(0.0)
    without, _ = Film(scenario.model_copy(update={"things": []})).frame(0.0)
    assert seen.label == "street_stall"
    changed = np.abs(with_mat.astype(int) - without).max(axis=2) > 40
    x1, y1, x2, y2 = (round(value) for value in seen.box)
    inside = changed[y1:y2, x1:x2]
    assert inside.sum() > 0.8 * changed.sum()
    half = (y2 - y1) // 2
    assert inside[half:].sum() > 2 * inside[:half].sum()  # below: the mat; above: who sits there


def test_a_side_entrance_changes_the_shops_there_and_is_no_thing(scenario: Scenario) -> None:
    shops = scenario.model_copy(
        update={"things": [], "camera": scenario.camera.model_copy(update={"pan": 12.0})}
    )
    street = StreetTable(side_entrances=[12.0])
    without, _ = Film(shops).frame(0.0)
    with_door, seen = Film(shops.model_copy(update={"street": street})).frame(0.0)
    assert seen == []
    rows, columns = np.nonzero(np.abs(with_door.astype(int) - without).max(axis=2) > 40)
    foot = Film(shops).lens.project(np.array([(3.2, 10.5, 0.0), (4.6, 13.5, 4.1)]))
    assert len(rows) > 300
    assert np.percentile(columns, [5, 95]) == pytest.approx(foot[:, 0], abs=40)


def test_what_changes_in_the_picture_is_inside_the_box(scenario: Scenario) -> None:
    still = scenario.model_copy(update={"things": scenario.things[:1], "seed": 3})
    empty = scenario.model_copy(update={"things": [], "seed": 3})
    with_stall, seen = Film(still).frame(0.0)
    without, nothing = Film(empty).frame(0.0)
    assert nothing == []
    (stall,) = seen
    assert (stall.name, stall.label, stall.hidden) == ("stall", "street_stall", 0)
    changed = np.abs(with_stall.astype(int) - without).max(axis=2) > 60
    x1, y1, x2, y2 = (round(value) for value in stall.box)
    inside = changed[y1:y2, x1:x2].sum()
    assert inside > 0.3 * (x2 - x1) * (y2 - y1)
    # What lies outside is shadow and mirror images.
    assert changed.sum() - inside < 0.2 * inside
    rows, columns = np.nonzero(changed)
    assert columns.min() == pytest.approx(x1, abs=6)
    assert rows.min() == pytest.approx(y1, abs=4)


def test_movers_move_and_hide_behind_what_is_nearer(scenario: Scenario) -> None:
    film = Film(scenario)
    seen = {time: {s.name: s for s in film.frame(time)[1]} for time in (0.5, 1.5, 3.0, 3.5)}
    assert seen[1.5]["car"].box.y2 > seen[0.5]["car"].box.y2 + 5
    assert seen[3.0]["car"].box == seen[3.5]["car"].box
    assert seen[3.0]["walker"].box.x1 > seen[1.5]["walker"].box.x1
    assert seen[0.5]["walker"].hidden == pytest.approx(0, abs=0.02)
    assert seen[3.0]["walker"].hidden > 0.3
    order = [s.name for s in film.frame(3.0)[1]]
    assert order.index("stall") < order.index("walker")


def test_two_films_of_a_seed_are_the_same_and_another_seed_is_not(scenario: Scenario) -> None:
    first, _ = Film(scenario).frame(1.0)
    again, _ = Film(scenario).frame(1.0)
    assert np.array_equal(first, again)
    other, _ = Film(scenario.model_copy(update={"seed": 4})).frame(1.0)
    assert np.abs(first.astype(int) - other).mean() > 3


@pytest.mark.parametrize(
    ("change", "seems"),
    [
        ({"light": "night"}, lambda given, day: given.mean() < 0.5 * day.mean()),
        ({"light": "dusk"}, lambda given, day: given.mean() < 0.95 * day.mean()),
        ({"rain": 1.0}, lambda given, day: given.std() < 0.9 * day.std() and streaks(given, day)),
    ],
)
def test_dusk_and_night_are_darker_and_rain_greys_and_streaks(
    scenario: Scenario,
    change: dict[str, str],
    seems: Callable[[np.ndarray, np.ndarray], bool],
) -> None:
    day, _ = Film(scenario).frame(1.0)
    given, _ = Film(scenario.model_copy(update=change)).frame(1.0)
    assert seems(given, day)


def streaks(given: np.ndarray, day: np.ndarray) -> bool:
    """Lighter than the haze alone makes it, here and there."""
    lighter = given.astype(int).mean(axis=2) - day.mean(axis=2)
    return 0.001 < (lighter > 40).mean() < 0.1


def test_render_writes_a_clip_and_its_truth(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    result = CliRunner().invoke(app, ["sim", "render", str(file), "-o", str(out)])
    assert result.exit_code == 0, result.output
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.name == "h264"
        assert container.metadata["creation_time"].startswith("2026-03-14T07:00:00")
    times = [float(frame.time) for frame in frames]
    assert times == pytest.approx([*np.arange(0, 4, 0.5), 5.0, 5.5])  # nothing in the gap
    assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 8]

    labels = sorted((tmp_path / "clip.labels").iterdir())
    assert len(labels) == len(frames)
    rows = [line.split() for line in labels[0].read_text().splitlines()]
    assert sorted(int(row[0]) for row in rows) == [0, 4, 8]  # a stall, a person, a car
    assert all(0 <= float(value) <= 1 for row in rows for value in row[1:])

    (truth,) = json.loads((tmp_path / "clip.incidents.json").read_text())
    assert truth == {
        "thing": "car", "label": "car", "matter": "blocked_lane", "zone": "lane",
        "begin": "2026-03-14T15:00:02+08:00", "end": None,
    }  # fmt: skip
    site = load_site(tmp_path / "clip.site.toml")
    assert site.tz.key == "Asia/Shanghai"
    assert [zone.id for zone in site.cameras[0].zones] == ["lane"]


def test_rendered_anew_a_clip_has_the_same_bytes(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    command = ["sim", "render", str(file), "-o", str(out), "--every", "2s"]
    assert CliRunner().invoke(app, command).exit_code == 0
    first = content(tmp_path)
    kerbwatch = Path(sys.executable).with_name("kerbwatch")
    subprocess.run([kerbwatch, *command], check=True)  # in a process of its own
    assert content(tmp_path) == first
    (tmp_path / "clip.labels" / "mine.txt").touch()
    result = CliRunner().invoke(app, command)
    assert "clip.labels holds more than labels of frames" in str(result.exception)
    assert content(tmp_path) == first | {"clip.labels/mine.txt": b""}


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_time_between_frames_is_more_than_nothing(file: Path, tmp_path: Path) -> None:
    command = ["sim", "render", str(file), "-o", str(tmp_path / "c.mp4"), "--every", "0s"]
    result = CliRunner().invoke(app, command)
    assert "--every '0s': must be longer than 0s" in str(result.exception)


def test_a_scenario_without_a_frame_is_named(file: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    gap = 'until = "5s"'
    empty.write_text(TEXT.replace('from = "4s"\n' + gap, ""), encoding="utf-8")
    result = CliRunner().invoke(app, ["sim", "render", str(empty), "-o", str(tmp_path / "c.mp4")])
    assert "no frame in it" in str(result.exception)
    assert not (tmp_path / "c.mp4").exists()
    assert not (tmp_path / "c.labels").exists()


def test_a_folder_that_cannot_be_made_is_said_in_one_line(file: Path) -> None:
    out = file / "c.mp4"
    result = CliRunner().invoke(app, ["sim", "render", str(file), "-o", str(out)])
    assert str(result.exception) == f"{out}: cannot be written: File exists"


def test_a_clip_of_far_too_many_frames_is_refused(file: Path, tmp_path: Path) -> None:
    command = ["sim", "render", str(file), "-o", str(tmp_path / "c.mp4"), "--every"]
    result = CliRunner().invoke(app, [*command, "0.4ms"])
    assert "must be 1ms or more" in str(result.exception)
    long = tmp_path / "long.toml"
    long.write_text(TEXT.replace('"6s"', '"2h"').replace('"500ms"', '"1m"'), encoding="utf-8")
    command[2] = str(long)
    result = CliRunner().invoke(app, [*command, "1ms"])
    assert "7200000 pictures; at most 1000000 make a clip" in str(result.exception)


def test_photos_are_a_source_to_train_on(tmp_path: Path) -> None:
    from cv.data.reading import read_sources
    from cv.data.samples import read_image

    to = tmp_path / "data" / "simulated"
    command = ["sim", "photos", "--to", str(to), "--count", "2", "--seed", "5"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    samples = read_sources(tmp_path / "data")
    assert len(samples) == 2
    assert {sample.split for sample in samples} == {"train"}
    assert all("street_stall" in sample.complete for sample in samples)
    assert all("person" not in sample.complete for sample in samples)
    assert sum(len(sample.boxes) for sample in samples) > 5
    assert read_image(samples[0].image).shape == (432, 768, 3)
    again = CliRunner().invoke(app, command)
    assert "exists" in str(again.exception)
