"""The main job on real clips: the right incidents, with evidence that shows them."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import av
import cv2
import pytest

from tests.e2e.conftest import Run, json_lines

pytestmark = pytest.mark.media

START = "2026-03-14T15:30:00"


@pytest.mark.slow
def test_cars_parked_along_the_kerb_are_incidents_once_each(
    kerbwatch: Run, demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    command = [
        "detect", parking, "--site", demo_site, "--camera", "parking",
        "--start", START, "--data", tmp_path / "data", "--json", "-q",
    ]  # fmt: skip
    changes = json_lines(kerbwatch(*command).stdout)
    opened = [change for change in changes if change["state"] == "open"]
    assert sum(change["code"] == "09009" for change in opened) >= 2
    assert len({change["id"] for change in opened}) == len(opened)
    for change in opened:
        assert change["matter"] == "blocked_lane"
        assert (change["camera"], change["zone"]) == ("parking", "kerb")
        if change["box"][3] < 0.99 * 996:  # what the picture's edge cuts may go by another name
            assert change["code"] == "09009"
            assert change["label"] in ("car", "truck", "bus")
        first, confirmed = (
            datetime.fromisoformat(change[key]) for key in ("first_seen", "confirmed_at")
        )
        assert first.utcoffset() == timedelta(hours=8)
        assert first >= datetime.fromisoformat(START + "+08:00")
        assert confirmed - first >= timedelta(seconds=8)
        left, _, right, _ = change["box"]
        assert (left + right) / 2 > 0.55 * 576, "the kerb lane is on the right"
        roles = {Path(file).stem for file in change["evidence"]}
        assert roles == {"scene", "crop", "before"}
        for file in change["evidence"]:
            assert cv2.imread(file) is not None

    again = json_lines(kerbwatch(*command).stdout)
    assert [change["id"] for change in again] == [change["id"] for change in changes]
    with sqlite3.connect(tmp_path / "data/cases.sqlite") as store:
        (cases,) = store.execute("select count(*) from cases").fetchone()
    assert cases == len(opened), "a second run files nothing twice"
    spooled = list((tmp_path / "data/spool").glob("*/new.json"))
    assert len(spooled) == len(opened)


def test_passers_by_before_shops_are_no_incident(
    kerbwatch: Run, demo_site: Path, shopping: Path, tmp_path: Path
) -> None:
    result = kerbwatch(
        "detect", shopping, "--site", demo_site, "--camera", "shopping",
        "--data", tmp_path / "data", "--json", "-q",
    )  # fmt: skip
    assert result.stdout == ""


@pytest.mark.slow
def test_two_segments_in_a_row_go_on_with_the_same_incident(
    kerbwatch: Run, demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    """The incident opened in the first run is not opened again by the second, later one."""
    common = ["--site", demo_site, "--camera", "parking", "--data", tmp_path / "d", "--json", "-q"]
    first = json_lines(kerbwatch("detect", parking, "--start", START, *common).stdout)
    later = (datetime.fromisoformat(START) + timedelta(seconds=34)).isoformat()
    second = json_lines(kerbwatch("detect", parking, "--start", later, *common).stdout)
    last_open = {c["id"] for c in first} - {c["id"] for c in first if c["state"] == "cleared"}
    assert last_open
    reopened = {change["id"] for change in second if change["state"] == "open"}
    assert not reopened & {change["id"] for change in first}


@pytest.mark.slow
def test_the_annotated_copy_is_as_long_as_the_clip(
    kerbwatch: Run, demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    kerbwatch(
        "detect", parking, "--site", demo_site, "--camera", "parking", "--every", "1s",
        "--data", tmp_path / "data", "--save-video", copy, "-q",
    )  # fmt: skip
    with av.open(str(copy)) as made, av.open(str(parking)) as original:
        assert made.duration is not None
        assert original.duration is not None
        assert abs(made.duration - original.duration) < 2_000_000
        frames = sum(1 for _ in made.decode(video=0))
    assert 31 <= frames <= 35


def test_without_zones_objects_are_counted_and_nothing_is_filed(
    kerbwatch: Run, parking: Path
) -> None:
    result = kerbwatch("detect", parking, "--every", "5s")
    assert "car" in result.stdout
    assert "kerbwatch site init" in " ".join(result.stdout.split())


def test_photos_give_detections_and_suggestions(kerbwatch: Run, media: Path) -> None:
    photos = sorted((media / "data/garbage_cn/images").glob("*.webp"))[:4]
    rows = json_lines(kerbwatch("detect", *photos, "--json", "-q").stdout)
    assert [row["photo"] for row in rows] == [str(photo) for photo in photos]
    for row in rows:
        assert len(row["suggestions"]) <= 3
        for suggestion in row["suggestions"]:
            assert {"matter", "code5", "name_zh", "name_en"} <= set(suggestion)


def test_one_bad_photo_is_reported_and_the_rest_goes_on(
    kerbwatch: Run, media: Path, tmp_path: Path
) -> None:
    good = sorted((media / "data/facades/images").glob("*.webp"))[0]
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"not a picture")
    (folder / "b.webp").write_bytes(good.read_bytes())
    result = kerbwatch("detect", folder, "--json", "-q", status=1)
    bad, fine = json_lines(result.stdout)
    assert "failure" in bad
    assert bad["source"].endswith("a.jpg")
    assert fine["photo"].endswith("b.webp")
    assert "Traceback" not in result.stderr


def test_a_camera_that_turns_away_is_a_fault(kerbwatch: Run, media: Path, tmp_path: Path) -> None:
    """The hand-held view of a road in Delhi zooms in and out from the third second on."""
    site = tmp_path / "site.toml"
    site.write_text(
        '[[cameras]]\nid = "delhi"\n[[cameras.zones]]\nid = "road"\nkind = "lane"\ndwell = "5s"\n'
        "polygon = [[0.2, 0], [0.8, 0], [0.8, 1], [0.2, 1]]\n",
        encoding="utf-8",
    )
    (clip,) = (media / "video").glob("india_road_overhead_*.mp4")
    result = kerbwatch("detect", clip, "--site", site, "--start", START, "--json", "-q")
    assert "camera delhi shows another view; its zones are suspended" in result.stderr
    faults = [line for line in json_lines(result.stdout) if "fault" in line]
    assert faults[0]["fault"] == "view_changed"
    assert (faults[0]["camera"], faults[0]["state"]) == ("delhi", "open")
    assert datetime.fromisoformat(faults[0]["time"]) > datetime.fromisoformat(START + "+08:00")
