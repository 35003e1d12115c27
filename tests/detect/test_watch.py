"""A camera's watch with the real detector and real pictures."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from cv.bench.rtsp import RtspServer
from cv.codes import edition
from cv.detect.detector import Detection, Detector
from cv.detect.evidence import EvidenceFolder, Mask, span
from cv.detect.frames import Frame, SourceUrl
from cv.detect.incident import Incident
from cv.detect.look import Filing
from cv.detect.main_stream import MainStream, fetch_slots
from cv.detect.masking import MaskCounts
from cv.detect.picture import Picture, Pixels
from cv.detect.state import parse_state
from cv.detect.trouble import Trouble
from cv.detect.view import ViewFault
from cv.detect.watch import EASE, CameraWatch
from cv.disk import DiskSpace
from cv.errors import KerbwatchError
from cv.evidence.originals import KINDS, frame_file
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.geometry import Box, Image
from cv.labels import Matter, ZoneKind
from cv.site import Camera, Privacy, Reporting, Rule, Site, Zone
from cv.site.rules import RuleChange
from tests.detect.clips import make_clip, numbered
from tests.detect.streams import needs_rtsp
from tests.listening import until

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
START = datetime(2026, 3, 14, 8, tzinfo=UTC)
INCIDENT = Incident(
    id="kw-0123456789abcdef0123",
    state="open",
    matter=Matter.BLOCKED_LANE,
    label="car",
    camera="gate",
    zone="kerb",
    first_seen=START,
    confirmed_at=START + timedelta(minutes=5),
    last_seen=START + timedelta(minutes=5),
    cleared_at=None,
    first_box=Box(190, 150, 390, 300),
    box=Box(200, 150, 400, 300),
    score=0.8,
    looks=300,
    hits=299,
    rule=Rule("test", 300, 0.5, 0.6, 600),
    size=(640, 480),
    dwell_s=300,
)


def site_in(folder: Path, dwell_s: float = 5) -> Site:
    change = RuleChange(origin="gate/kerb", dwell_s=dwell_s, clear_s=10)
    kerb = Zone("kerb", "路缘 Kerb", ZoneKind.LANE, WHOLE, change)
    return Site(
        name="Test",
        division="421002",
        tz=ZoneInfo("Asia/Shanghai"),
        codes=edition("GB/T 47678.5-2026"),
        cameras=(Camera(id="gate", name="东门 Gate", zones=(kerb,)),),
        reporting=Reporting(data=folder, update_every_s=0),
        privacy=Privacy(),
    )


def evidence_of(site: Site, mask: Mask, *filed: str) -> EvidenceFolder:
    space = DiskSpace(site.reporting.data, site.disk)
    return EvidenceFolder(site, site.cameras[0], mask, space, lambda id_: id_ in filed)


class Memory:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.filings: list[Filing] = []
        self.state: str | None = None

    def known(self, incident: Incident) -> str | None:
        return None

    def is_filed(self, incident_id: str) -> bool:
        return any(filing.change.incident.id == incident_id for filing in self.filings)

    def load(self) -> str | None:
        return self.state

    def record(self, filings: Sequence[Filing], state: str) -> None:
        self.filings += filings
        self.state = state

    @property
    def events(self) -> list[str]:
        return [filing.change.event for filing in self.filings]


def picture(shade: int = 90) -> Image:
    image = np.full((480, 640, 3), shade, np.uint8)
    image[150:300, 200:400] = (30, 60, 200)
    return image


def shot() -> Frame:
    """The frame of the look that confirmed INCIDENT."""
    return Frame(Pixels(picture()), INCIDENT.confirmed_at, 0.0, 0)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(backend="onnxruntime")


@pytest.fixture(scope="module")
def junction(media: Path) -> Image:
    """A junction camera's frame with a bus and cars in it."""
    image = cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp"))
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def empty(junction: Image, detector: Detector) -> Image:
    """The same junction with nothing on it: whatever is found there is painted over as road."""
    picture = junction.copy()
    while found := detector.detect(picture, ease=0.3):
        for x1, y1, x2, y2 in (detection.box for detection in found):
            left, top = max(0, int(x1) - 4), max(0, int(y1) - 4)
            picture[top : int(y2) + 4, left : int(x2) + 4] = (110, 112, 115)
    return picture


def looks(watch: CameraWatch, image: Image, seconds: range) -> None:
    for second in seconds:
        watch.look(Frame(Pixels(image), START + timedelta(seconds=second), float(second), second))


@pytest.mark.media
def test_standing_vehicles_become_filings_with_three_masked_pictures(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory = site_in(tmp_path), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(8))
    assert memory.filings
    for (event, incident), evidence, _ in memory.filings:
        assert event == "new"
        assert [item.role for item in evidence] == ["scene", "crop", "before"]
        for item in evidence:
            content = (tmp_path / item.file).read_bytes()
            assert item.masked
            assert item.sha256 == hashlib.sha256(content).hexdigest()
            image = cv2.imread(str(tmp_path / item.file))
            assert image is not None
            assert image.shape[:2] == (item.height, item.width)
            assert item.file.startswith(f"evidence/{incident.id}/")


class Away(Memory):
    """A recorder whose database is away now and then."""

    away = False

    def record(self, filings: Sequence[Filing], state: str) -> None:
        if self.away:
            raise KerbwatchError("cases.db: database or disk is full")
        super().record(filings, state)


@pytest.mark.slow
@pytest.mark.media
def test_what_could_not_be_recorded_is_recorded_by_the_next_look_that_can(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory, expected = site_in(tmp_path / "a"), Away(), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    trouble_said: list[str] = []
    trouble = Trouble("gate", lambda error: trouble_said.append(str(error)))
    reported: list[Filing] = []
    for second in range(12):
        memory.away = second in range(2, 10)
        time = START + timedelta(seconds=second)
        look = trouble.look(watch, Frame(Pixels(junction), time, float(second), second))
        reported += look.filings if look else []
    calm_site = site_in(tmp_path / "b")
    looks(
        CameraWatch(calm_site, calm_site.cameras[0], detector, expected, every_s=1),
        junction,
        range(12),
    )
    assert expected.filings
    assert [f.change.event for f in memory.filings] == expected.events
    assert [f.change.incident.id for f in memory.filings] == [
        f.change.incident.id for f in expected.filings
    ]
    assert reported == memory.filings, "they are told when they are recorded"
    assert trouble_said == ["cases.db: database or disk is full"], "told once, not at every look"


@pytest.mark.media
def test_a_watch_whose_store_is_away_at_first_goes_on_from_the_earlier_run_all_the_same(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    class Late(Memory):
        away = False

        def load(self) -> str | None:
            if self.away:
                raise KerbwatchError("cases.db: connection refused")
            return super().load()

    site, memory = site_in(tmp_path), Late()
    first = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(first, junction, range(8))
    first.close()
    opened = [incident.id for incident in first.open_incidents]
    assert opened
    memory.away = True
    second = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    with pytest.raises(KerbwatchError):
        looks(second, junction, range(8, 9))
    memory.away = False
    looks(second, junction, range(9, 10))
    assert [incident.id for incident in second.open_incidents] == opened


@pytest.mark.media
def test_what_no_later_look_recorded_is_recorded_at_the_end(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory = site_in(tmp_path), Away()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(2))
    memory.away = True
    for second in range(2, 8):
        with contextlib.suppress(KerbwatchError):
            looks(watch, junction, range(second, second + 1))
    assert not memory.filings
    memory.away = False
    watch.close()
    assert "new" in memory.events


@pytest.mark.media
def test_a_first_frame_that_the_disk_refuses_costs_no_incident(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    (tmp_path / "candidates").write_text("a file where a folder should be")
    site, memory = site_in(tmp_path), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(8))
    assert memory.events
    assert all(item.role != "before" for filing in memory.filings for item in filing.evidence)


@pytest.mark.media
def test_a_street_that_empties_is_cleared_with_a_picture_of_the_empty_place(
    tmp_path: Path, detector: Detector, junction: Image, empty: Image
) -> None:
    site, memory = site_in(tmp_path), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(8))
    opened = len(memory.filings)
    looks(watch, empty, range(8, 20))
    assert memory.events == ["new"] * opened + ["cleared"] * opened
    assert all(
        [item.role for item in filing.evidence] == ["after"] for filing in memory.filings[opened:]
    )


@pytest.mark.media
def test_a_restart_goes_on_and_a_second_run_repeats_itself(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory = site_in(tmp_path), Memory()

    def run(seconds: range) -> None:
        watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
        looks(watch, junction, seconds)
        watch.close()

    run(range(4))
    assert memory.filings == []
    run(range(4, 12))
    first = {filing.change.incident.id for filing in memory.filings}
    assert first
    assert {filing.change.incident.first_seen for filing in memory.filings} == {START}
    run(range(12, 20))
    assert {filing.change.incident.id for filing in memory.filings} == first
    memory.filings.clear()
    run(range(12))
    assert {filing.change.incident.id for filing in memory.filings} == first


@pytest.mark.slow
@pytest.mark.media
def test_a_clock_that_is_set_back_by_hours_changes_nothing_but_the_times(
    tmp_path: Path,
    detector: Detector,
    junction: Image,
    empty: Image,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site, memory = site_in(tmp_path), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1, refresh_s=60)
    early, hours = timedelta(hours=8), 8 * 3600
    for second in range(hours, hours + 3):
        looks(watch, junction, range(second, second + 1))
    assert memory.filings == []
    looks(watch, junction, range(3, 8))
    opened = [filing.change.incident for filing in memory.filings]
    assert opened, "it had stood for three seconds before"
    assert {incident.first_seen for incident in opened} == {START}
    assert all(5 <= incident.dwell_s <= 6 for incident in opened)
    looks(watch, empty, range(8, 9))
    looks(watch, empty, range(9 - hours, 24 - hours))
    assert memory.events == ["new"] * len(opened) + ["cleared"] * len(opened)
    cleared = {filing.change.incident.first_seen for filing in memory.filings[len(opened) :]}
    assert all(first - (START - early) < timedelta(seconds=2) for first in cleared)
    assert "the clock was set back by 7:59:59" in caplog.text
    state = parse_state(memory.state or "")
    assert state is not None
    assert state.last_look < START


class Counting(Detector):
    """Counts what it is asked."""

    asked = 0

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        self.asked += 1
        return super().detect_in(picture, **options)


class Parked(Detector):
    """Sees a car in the lower right of every picture."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        width, height = picture.size
        box = Box(width / 2, height / 2, width * 0.8, height * 0.8)
        return [Detection("car", 0.9, box)]


class Hidden(Parked):
    """Where that is bright, a person stands before the car."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        (car,) = super().detect_in(picture)
        width, height = picture.size
        if picture.bgr()[height // 2 :, width // 2 :].mean() < 180:
            return [car]
        return [car._replace(label="person")]


class Bare(Detector):
    """Sees nothing."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        return []


@pytest.mark.parametrize("ahead_s", [0.5, 8 * 3600])
def test_a_live_camera_goes_on_after_a_restart_though_the_clock_was_ahead_before(
    tmp_path: Path, ahead_s: float
) -> None:
    site, memory = site_in(tmp_path), Memory()
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    street = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (640, 360)), (0, 0), 3), np.uint8)

    def run(detector: Detector, begin_s: float, seconds: int) -> None:
        watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
        for second in range(seconds):
            time = START + timedelta(seconds=begin_s + second)
            watch.look(Frame(Pixels(street), time, float(second), second, is_live=True))
        watch.close()

    run(Parked(backend="onnxruntime"), ahead_s, 8)
    assert memory.events == ["new"]
    run(Bare(backend="onnxruntime"), 7, 14)
    assert memory.events == ["new", "cleared"], "nobody else would end it"
    opened, cleared = (filing.change.incident for filing in memory.filings)
    assert cleared.id == opened.id
    assert cleared.last_seen < START + timedelta(seconds=7)


def test_an_unchanged_view_of_another_size_is_analysed(tmp_path: Path) -> None:
    """A camera that changes its resolution at night shows the same street."""
    site, memory = site_in(tmp_path), Memory()
    parked = Parked(backend="onnxruntime")
    watch = CameraWatch(site, site.cameras[0], parked, memory, every_s=1, refresh_s=60)
    large = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (1280, 720)), (0, 0), 6), np.uint8)
    small = np.asarray(cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    sights = [
        watch.look(Frame(Pixels(image), START + timedelta(seconds=n), float(n), n))
        for n, image in enumerate([large] * 12 + [small] * 12)
    ]
    assert [look.unchanged for look in sights[-16:]] == [True] * 4 + [False] + [True] * 11
    assert [look.detections[0].box for look in sights[-12:]] == [Box(320, 180, 512, 288)] * 12
    assert [thing.box for thing in watch.objects] == [Box(320, 180, 512, 288)]
    assert memory.events == ["new"]


def test_an_unchanged_view_rests_though_the_open_incident_stands_in_a_second_zone(
    tmp_path: Path,
) -> None:
    site, memory = site_in(tmp_path), Memory()
    (kerb,) = site.cameras[0].zones
    zones = (kerb, replace(kerb, id="gate", kind=ZoneKind.FIRE_LANE))
    camera = replace(site.cameras[0], zones=zones)
    street = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (640, 360)), (0, 0), 3), np.uint8)
    parked = Parked(backend="onnxruntime")
    watch = CameraWatch(site, camera, parked, memory, every_s=1, refresh_s=60)
    sights = [
        watch.look(Frame(Pixels(street), START + timedelta(seconds=n), float(n), n)).unchanged
        for n in range(12)
    ]
    assert [filing.change.incident.zone for filing in memory.filings] == ["gate"]
    assert sights[-4:] == [True] * 4


def test_a_view_is_still_unless_something_waits_for_the_next_look_or_it_must_be_refreshed(
    tmp_path: Path,
) -> None:
    street = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (640, 360)), (0, 0), 3), np.uint8)

    def still(detector: Detector) -> str:
        site = site_in(tmp_path, dwell_s=20)
        watch = CameraWatch(site, site.cameras[0], detector, Memory(), every_s=2, refresh_s=30)
        frames = (
            Frame(Pixels(street), START + timedelta(seconds=s), float(s), s)
            for s in range(0, 48, 2)
        )
        return "".join(".s"[watch.look(frame).is_still] for frame in frames)

    # Analysed at 0, 2, 4 and 6 s, and again at 36 s: two looks on from 32 s would be too late.
    assert still(Bare(backend="onnxruntime")) == "." * 4 + "s" * 12 + "." * 3 + "s" * 5
    # The car opens an incident at 20 s.
    assert still(Parked(backend="onnxruntime")) == "." * 11 + "s" * 12 + "."


def test_no_look_is_left_out_while_something_stands_before_an_incident(tmp_path: Path) -> None:
    """Else it would be cleared two looks late: one at the beginning, and one at the end."""
    site, memory = site_in(tmp_path), Memory()
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    street = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (640, 360)), (0, 0), 3), np.uint8)
    passed = street.copy()
    passed[180:, 320:] = 230
    hidden = Hidden(backend="onnxruntime")
    watch = CameraWatch(site, site.cameras[0], hidden, memory, every_s=2, refresh_s=60)
    sights = [
        watch.look(Frame(Pixels(image), START + timedelta(seconds=2 * n), 2.0 * n, n))
        for n, image in enumerate([street] * 10 + [passed] * 20)
    ]
    marks = "".join("s" if look.is_still else "u" if look.unchanged else "." for look in sights)
    assert marks == "...." + "s" * 6 + "...." + "u" * 11 + "s" * 5
    assert memory.events == ["new", "cleared"]


@pytest.mark.slow
@pytest.mark.media
def test_an_unchanged_view_opens_the_same_incidents_for_fewer_analyses(
    tmp_path: Path, junction: Image, empty: Image
) -> None:
    """All at the same looks; once they are open, one analysis a minute."""

    def run(folder: str, refresh_s: float) -> tuple[list[tuple[str, str, datetime]], int]:
        site, memory = site_in(tmp_path / folder), Memory()
        site = replace(site, privacy=Privacy(heads=False, plates=False))
        counting = Counting(backend="onnxruntime")
        # Weak boxes wait for a better look; here they are as strong as they will get.
        counting.thresholds = {label: EASE * t for label, t in counting.thresholds.items()}
        watch = CameraWatch(site, site.cameras[0], counting, memory, every_s=1, refresh_s=refresh_s)
        looks(watch, junction, range(20))
        looks(watch, empty, range(20, 40))
        events = [
            (f.change.event, f.change.incident.id, f.change.incident.last_seen)
            for f in memory.filings
        ]
        return events, counting.asked

    every, all_asked = run("every", 0.0)
    gated, few_asked = run("gated", 60.0)
    assert gated == every
    assert {event for event, _, _ in gated} == {"new", "cleared"}
    assert all_asked == 40
    assert few_asked < 30


class InLight(Parked):
    """Sees the car unless it is dark."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        return super().detect_in(picture, **options) if picture.bgr().mean() > 20 else []


@pytest.mark.parametrize(("dark", "refused", "shown_s"), [(0, 0, 0), (0.1, 0, 0), (0.1, 3, 4)])
def test_the_earliest_picture_shows_the_thing_and_says_when_it_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dark: float, refused: int, shown_s: int
) -> None:
    """Though nobody sees it in the second picture, or the disk has no room for the first ones."""
    site, memory = site_in(tmp_path), Memory()
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    street = np.asarray(cv2.GaussianBlur(numbered(0b1010101, (640, 360)), (0, 0), 3), np.uint8)
    watch = CameraWatch(site, site.cameras[0], InLight(backend="onnxruntime"), memory, every_s=1)
    in_the_way = tmp_path / "candidates"
    if refused:
        in_the_way.write_bytes(b"no folder")
    for second, image in enumerate([street, (street * dark).astype(np.uint8), *[street] * 8]):
        if refused and second == 1 + refused:
            in_the_way.unlink()
        looks(watch, image, range(second, second + 1))
    ((_, incident), evidence, _) = memory.filings[0]
    before = next(item for item in evidence if item.role == "before")
    assert incident.first_seen == START
    assert before.taken == START + timedelta(seconds=shown_s)
    original = cv2.imread(str(tmp_path / frame_file("originals", "gate", before.taken)))
    assert original is not None
    assert original.mean() > 20


@pytest.mark.media
def test_where_minutes_pass_between_looks_the_first_sighting_is_kept_at_once(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory = site_in(tmp_path, dwell_s=900), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=600)
    watch.look(Frame(Pixels(junction), START, 0.0, 0))
    assert list((tmp_path / "candidates/gate").glob("*.jpg"))
    for n in (1, 2, 3):
        watch.look(Frame(Pixels(junction), START + timedelta(minutes=10 * n), 600.0 * n, n))
    assert memory.filings
    roles = [[item.role for item in filing.evidence] for filing in memory.filings]
    assert all("before" in found for found in roles)


@pytest.mark.media
def test_first_frames_of_what_moved_on_are_deleted(
    tmp_path: Path, detector: Detector, junction: Image, empty: Image
) -> None:
    site, memory = site_in(tmp_path, dwell_s=600), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(3))
    assert list((tmp_path / "candidates/gate").glob("*.jpg"))
    looks(watch, empty, range(3, 30))
    assert not list((tmp_path / "candidates/gate").glob("*.jpg"))


def test_the_scene_shows_box_zone_and_caption_and_keeps_the_original(tmp_path: Path) -> None:
    site = site_in(tmp_path)
    folder = evidence_of(site, lambda _: MaskCounts(2, 0))
    scene, crop, _ = folder.opened(
        INCIDENT, shot(), folder.keep_candidate(picture(60), INCIDENT.first_seen)
    )
    assert scene.counts == MaskCounts(2, 0)
    drawn = cv2.imread(str(tmp_path / scene.file))
    assert drawn is not None
    assert drawn[150, 300, 2] > 150, "the box is red"
    assert drawn[:12, :300].max() > 200, "the caption is white on a bar"
    assert crop.width > crop.height
    originals = list((tmp_path / "originals/gate").glob("*.jpg"))
    assert len(originals) == 2
    for original in originals:
        clean = cv2.imread(str(original))
        assert clean is not None
        assert clean[:12, :300].max() < 120


def test_a_picture_of_a_case_that_was_never_recorded_is_made_anew(tmp_path: Path) -> None:
    """In it may be shown what the site masks by now, or another moment than the case says."""
    site = site_in(tmp_path)

    def hide(image: Image) -> MaskCounts:
        image[:] = 0
        return MaskCounts(plates=1)

    shown = evidence_of(site, lambda _: MaskCounts()).opened(INCIDENT, shot(), None)
    filed = evidence_of(site, hide, INCIDENT.id).opened(INCIDENT, shot(), None)
    assert [item.sha256 for item in filed] == [item.sha256 for item in shown], "it may have left"
    scene, crop = evidence_of(site, hide).opened(INCIDENT, shot(), None)
    for item in (scene, crop):
        assert item.file is not None
        content = (tmp_path / item.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == item.sha256
    masked = cv2.imread(str(tmp_path / str(crop.file)))
    assert masked is not None
    assert masked.max() == 0


def test_a_picture_of_another_size_shows_the_incident_at_its_place(tmp_path: Path) -> None:
    """The main stream's, where the sub-stream is watched, which gives the earliest frame."""
    folder = evidence_of(site_in(tmp_path), lambda _: MaskCounts())
    first = folder.keep_candidate(picture(), INCIDENT.first_seen)
    grey = Frame(Pixels(np.full((720, 1280, 3), 90, np.uint8)), INCIDENT.confirmed_at, 0.0, 0)
    scene, crop, before = folder.opened(INCIDENT, grey, first)
    assert (scene.width, scene.height) == (1280, 720)
    assert (before.width, before.height) == (640, 480)
    drawn = cv2.imread(str(tmp_path / scene.file))
    assert drawn is not None
    row = drawn[400, 100:1200].astype(int)
    red = 100 + np.flatnonzero(row[:, 2] - row[:, 0] > 80)
    assert {400, 800} <= set(red.tolist()), "twice 200 and twice 400"
    assert set((red / 400).round(1)) == {1.0, 2.0}, "and nowhere else"
    assert crop.width > crop.height


@pytest.mark.slow
@needs_rtsp
@pytest.mark.media
def test_pictures_of_a_case_are_the_main_streams(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    large = np.asarray(cv2.resize(junction, (1920, 1080)), np.uint8)
    clip = make_clip(tmp_path / "main.mp4", frames=30, images=[large] * 30, size=(1920, 1080))
    site, memory = site_in(tmp_path / "data"), Memory()
    with RtspServer(clip, loop=True) as server:
        main = MainStream(SourceUrl(server.url), fetch_slots())
        watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1, main=main)
        began = datetime.now(UTC)  # as main streams' pictures are by the wall clock, too
        watch.look(Frame(Pixels(junction), began, 0.0, 0))
        watch.look(Frame(Pixels(junction), datetime.now(UTC), 1.0, 1))
        until(lambda: main.frame(began) is not None)
    came = main.frame(began)
    assert came is not None
    for second in range(2, 8):
        time = came.time + timedelta(seconds=second)
        watch.look(Frame(Pixels(junction), time, float(second), second))
    assert memory.filings
    for (_, incident), evidence, _ in memory.filings:
        assert incident.size == junction.shape[1::-1]
        scene, _, before = evidence
        assert (scene.width, scene.height) == (1920, 1080)
        assert (before.width, before.height) == incident.size


def test_with_a_key_the_pictures_are_the_same_and_no_original_is_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pictures(folder: Path) -> dict[str, str]:
        site = site_in(folder)
        kept = evidence_of(site, lambda _: MaskCounts(2, 0))
        first = kept.keep_candidate(picture(60), INCIDENT.first_seen)
        items = kept.opened(INCIDENT, shot(), first)
        assert first is not None
        kept.drop_candidate(first)
        return {item.id: item.sha256 for item in items}

    plain = pictures(tmp_path / "plain")
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    assert pictures(tmp_path / "sealed") == plain
    assert len(plain) == 3
    unmasked = [p for k in KINDS for p in (tmp_path / "sealed" / k).rglob("*") if p.is_file()]
    assert len(unmasked) == 2
    assert all(cv2.imread(str(path)) is None for path in unmasked)


def test_where_masking_fails_nothing_is_written_for_sending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Image) -> MaskCounts:
        raise RuntimeError("no session")

    site = site_in(tmp_path)
    items = evidence_of(site, fail).opened(INCIDENT, shot(), None)
    assert items
    assert not any(item.masked for item in items)
    assert all(item.file.startswith("originals/") for item in items)
    assert not (tmp_path / "evidence").exists()
    assert "masking failed" in caplog.text


def test_a_full_disk_costs_the_picture_not_the_case(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    site = site_in(tmp_path)
    folder = evidence_of(site, lambda _: MaskCounts())
    scene, crop = folder.opened(INCIDENT, shot(), None)
    assert (scene.file, scene.masked, scene.width) == (None, True, 640)
    assert crop.file is None
    assert "not written" in caplog.text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (312, "5m12s"), (7500, "2h05m")]
)
def test_spans_read_as_people_write_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


def faults(watch: CameraWatch, image: Image, seconds: range) -> list[ViewFault | None]:
    times = [(START + timedelta(seconds=s), s) for s in seconds]
    return [watch.look(Frame(Pixels(image), t, float(s), s)).fault for t, s in times]


@pytest.mark.media
@pytest.mark.parametrize(("shade", "refresh_s"), [(0, 0.0), (128, 60.0)], ids=["black", "grey"])
def test_a_camera_that_shows_nothing_neither_opens_nor_clears_and_is_a_fault(
    tmp_path: Path, detector: Detector, junction: Image, shade: int, refresh_s: float
) -> None:
    site, memory = site_in(tmp_path), Memory()

    def watched() -> CameraWatch:
        return CameraWatch(site, site.cameras[0], detector, memory, every_s=1, refresh_s=refresh_s)

    watch, nothing = watched(), np.full_like(junction, shade)
    assert faults(watch, nothing, range(-4, 0)) == [None, None, *[ViewFault.BLANK] * 2]
    looks(watch, junction, range(8))
    opened = memory.events
    assert set(opened) == {"new"}
    assert faults(watch, nothing, range(8, 24)) == [None, None, *[ViewFault.BLANK] * 14]
    watch.close()
    assert faults(watched(), nothing, range(24, 38))[-1] is ViewFault.BLANK, "nor after a restart"
    assert faults(watched(), junction, range(38, 44)) == [None] * 6
    assert memory.events == opened


@pytest.mark.media
def test_a_car_in_deep_snow_is_an_incident_though_the_street_shows_no_edges(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    snow, car = np.full_like(junction, 225), (slice(278, 367), slice(267, 358))
    snow[car] = junction[car]
    site, memory = site_in(tmp_path), Memory()
    watch = CameraWatch(site, site.cameras[0], detector, memory, every_s=1)
    looks(watch, junction, range(1))
    assert faults(watch, snow, range(1, 8))[-1] is ViewFault.BLANK
    assert [filing.change.incident.label for filing in memory.filings] == ["car"]


@pytest.mark.slow
@pytest.mark.media
def test_a_turned_camera_suspends_its_zones_until_it_is_back_or_they_are_drawn_anew(
    tmp_path: Path, detector: Detector, junction: Image
) -> None:
    site, memory = site_in(tmp_path), Memory()
    (camera,) = site.cameras
    turned = np.roll(junction, junction.shape[1] // 4, axis=1)

    def watched(by: Camera = camera) -> CameraWatch:
        return CameraWatch(site, by, detector, memory, every_s=1)

    def moved(watch: CameraWatch, image: Image, seconds: range) -> list[bool]:
        return [fault is ViewFault.CHANGED for fault in faults(watch, image, seconds)]

    watch = watched()
    looks(watch, junction, range(8))
    opened = len(memory.filings)
    assert opened
    assert moved(watch, turned, range(8, 28)) == [False, False, *[True] * 18]
    watch.close()
    assert moved(watched(), turned, range(28, 40))[-1], "a restart does not take it for the view"
    assert memory.events == ["new"] * opened, "nothing is opened or cleared meanwhile"
    assert not moved(watched(), junction, range(40, 41))[-1]
    assert memory.events == ["new"] * opened

    (zone,) = camera.zones
    anew = replace(camera, zones=(replace(zone, polygon=WHOLE[:3]),))
    assert not any(moved(watched(anew), turned, range(41, 46)))
