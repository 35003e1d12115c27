"""Scenario files: what is wrong in one is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.bench.incidents import own_scenarios
from cv.errors import UserError
from cv.sim.reading import load_scenario
from cv.sim.scene import Scene

TEXT = """
name = "One car"
about = "It stands."
start = 2026-03-14T15:00:00+08:00
duration = "10m"

[camera]
sway = 0.0

[[zones]]
id = "lane"
kind = "lane"
ground = [[-3.4, 9], [-0.1, 9], [-0.1, 34]]

[[things]]
id = "car"
kind = "car"
at = [-1.7, 15]
from = "1m"
until = "5m"

[[things]]
id = "walker"
kind = "person"
path = [["2m", 0, 10], ["3m", 0, 22]]

[[passers]]
kind = "person"
start = [2, 8]
end = [2, 30]
every = "30s"
from = "6m"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_things_are_there_from_until(file: Path) -> None:
    scene = Scene(load_scenario(file))
    there = {t: {seen.name for seen in scene.seen(t)} for t in (59, 60, 299, 300)}
    assert there == {59: set(), 60: {"car"}, 299: {"car"}, 300: set()}


def test_a_path_is_walked_at_even_speed(file: Path) -> None:
    scene = Scene(load_scenario(file))
    heights = [next(s.box.y2 for s in scene.seen(t) if s.name == "walker") for t in (120, 150, 179)]
    assert heights == sorted(heights, reverse=True)  # away from the camera is up
    assert "walker" not in {s.name for s in scene.seen(180)}


def test_what_is_nearer_hides_what_is_behind(file: Path) -> None:
    text = TEXT + '\n[[things]]\nid = "bus"\nkind = "bus"\nat = [-1.7, 9]\nfrom = "1m"\nturn = 90\n'
    file.write_text(text, encoding="utf-8")
    hidden = {seen.name: seen.hidden for seen in Scene(load_scenario(file)).seen(100)}
    assert hidden["bus"] == 0
    assert hidden["car"] > 0.3


def test_passers_come_and_go_the_same_way_for_a_seed(file: Path) -> None:
    first, second = (Scene(load_scenario(file)) for _ in range(2))
    names = [[seen.name for seen in first.seen(t)] for t in range(360, 600, 5)]
    assert names == [[seen.name for seen in second.seen(t)] for t in range(360, 600, 5)]
    assert len({name for row in names for name in row}) >= 5
    assert not any(name.startswith("passer") for t in range(0, 360, 5)
                   for name in (seen.name for seen in first.seen(t)))  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "car"', 'kind = "cat"', "things[0].kind: 'cat' is not allowed"),
        ('duration = "10m"', 'duration = "ten"', "duration: 'ten' is no duration"),
        ("at = [-1.7, 15]", "", "things car: give at, or path with two places or more"),
        ("at = [-1.7, 15]", "att = [1, 2]", "no such key; choose from, until, id, kind"),
        ('id = "walker"', 'id = "car"', "things: the id 'car' is used twice"),
        ("start = 2026-03-14T15:00:00+08:00", "start = 1", "start: "),
        ("[camera]", "[camera", "not a scenario"),
        (
            'kind = "car"',
            'kind = "car"\nshape = "mat"',
            "things car: car has no shape 'mat'; it may be none",
        ),
        (
            'kind = "car"',
            'kind = "street_stall"\nshape = "rug"',
            "things car: street_stall has no shape 'rug'; it may be cart, table, mat",
        ),
        (
            "[camera]",
            "[street]\nside_entrances = [12, 400]\n\n[camera]",
            "street.side_entrances[1]: 400 is out of range; allowed are 0 to 100",
        ),
        ("[camera]", "[camera]\nsize = [641, 360]", "camera.size[0]: 641 is odd; H.264 wants even"),
        ("[camera]", "[camera]\nsize = [0, 360]", "camera.size[0]: 0 is out of range"),
        ("[camera]", "[camera]\ndistortion = -0.3", "camera.distortion: below -0.230 no lens"),
        ('until = "5m"', 'until = "5s"', "things[0]: until is before from"),
        ('["3m", 0, 22]', '["1m", 0, 22]', "walker: the times of its path must not go back"),
        ("[-0.1, 34]]", "[-0.1, -34]]", "zones lane: ground reaches behind the camera"),
        ("[-3.4, 9], [-0.1, 9]", "[-90, 9], [-95, 9]", "zones lane: ground crosses itself"),
        ("[[-3.4, 9], [-0.1, 9], [-0.1, 34]]", "[[-90, 9], [-95, 9], [-95, 12]]", "not in the pic"),
        ("15:00:00+08:00", "15:00:00+01:00", "start: 2026-03-14T22:00:00+08:00 in Asia/Shanghai"),
        ('duration = "10m"', 'duration = "10m"\nseed = -1', "seed: -1 is out of range"),
        ('duration = "10m"', 'duration = "10m"\nevery = "2d"', "every: 172800 is out of range"),
        ('duration = "10m"', 'duration = "300d"', "every: 25920000 pictures; at most 1000000"),
        ('every = "30s"', 'every = "1ms"', "passers[0].every: 0.001 is out of range"),
        ("2026-03-14T15:00:00+08:00", "9999-12-31T23:59:58-08:00", "start: out of the calendar"),
        ("2026-03-14T15:00:00+08:00", "0001-01-01T00:00:00+08:00", "start: out of the calendar"),
        ('until = "5m"', 'until = "11m"', "things[0]: until is after the end, 600 s"),
        ('["3m", 0, 22]', '["2m", 0, 22]', "walker: its path takes no time"),
        ('id = "walker"', 'id = "walker"\nfrom = "2m"', "walker: its path says from when until"),
        (
            "[[things]]",
            '[[zones]]\nid = "lane"\nkind = "lane"\nground = [[-3, 9], [0, 9], [0, 34]]\n'
            "[[things]]",
            "zones: the id 'lane' is used twice",
        ),
        (
            "[[-3.4, 9], [-0.1, 9], [-0.1, 34]]",
            "[[-3, 10], [-0.1, 20], [-3, 20], [-0.1, 10]]",
            "zones lane: ground crosses or touches itself at",
        ),
        ("[-0.1, 9], [-0.1, 34]]", "[-3.39, 9], [-3.4, 9.01]]", "zones lane: ground has no area"),
        (
            'duration = "10m"',
            'duration = "10m"\ntimezone = "Mars"',
            "timezone: 'Mars' is not allowed",
        ),
    ],
)
def test_a_mistake_in_a_scenario_names_file_and_key(
    file: Path, old: str, new: str, said: str
) -> None:
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_scenario(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_mat_is_lower_and_wider_than_a_table(file: Path) -> None:
    boxes = {}
    for shape in ("table", "mat"):
        stall = f'kind = "street_stall"\nshape = "{shape}"'
        file.write_text(TEXT.replace('kind = "car"', stall), encoding="utf-8")
        (seen,) = Scene(load_scenario(file)).seen(100)
        assert seen.label == "street_stall"
        boxes[shape] = seen.box
    assert boxes["mat"].height < 0.9 * boxes["table"].height
    assert boxes["mat"].width > boxes["table"].width


@pytest.mark.parametrize(
    ("thing", "matter", "since", "said"),
    [
        ("bike", "blocked_lane", "1m", "incidents[0]: no thing 'bike'; there are car, walker"),
        ("car", "blocked_lane", "5m", "incidents[0]: from: car is not there then"),
        ("car", "roadside_vending", "1m", "incidents[0]: matter: car in a lane zone makes blocked"),
        ("walker", "blocked_lane", "2m", "incidents[0]: matter: person in a lane zone makes none"),
    ],
)
def test_an_incident_that_cannot_be_is_named(
    file: Path, thing: str, matter: str, since: str, said: str
) -> None:
    truth = f'thing = "{thing}"\nmatter = "{matter}"\nzone = "lane"\nfrom = "{since}"\n'
    file.write_text(f"{TEXT}\n[[incidents]]\n{truth}", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_scenario(file)
    assert said in str(caught.value)


def test_a_file_nested_without_end_is_named(file: Path) -> None:
    file.write_text("x = " + "[" * 5000, encoding="utf-8")
    with pytest.raises(UserError, match="nested too deeply"):
        load_scenario(file)


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    file.write_text(TEXT, encoding="utf-8-sig")
    assert load_scenario(file).name == "One car"


def test_every_thing_of_our_own_scenarios_is_in_the_picture() -> None:
    for path in own_scenarios():
        scenario = load_scenario(path)
        scene = Scene(scenario)
        for truth in scenario.incidents:
            box = next(s.box for s in scene.seen(truth.since) if s.name == truth.thing)
            assert box.width >= 20, path
            assert box.height >= 20, path
