"""A disk that fills up while cameras are watched: pictures give way, no case is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv import doctor
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.recorder import CaseRecorder
from cv.cases.store import CaseStore
from cv.cases.targets.webhook import WebhookTarget
from cv.detect.detector import Detector
from cv.detect.disk_fault import DiskFault
from cv.detect.frames import Frame
from cv.detect.masking import MaskCounts
from cv.detect.picture import Pixels
from cv.detect.trouble import Trouble
from cv.detect.watch import CameraWatch
from cv.disk import DiskLimits, DiskSpace, Room, parse_size, size_text
from cv.errors import KerbwatchError, UserError
from cv.geometry import Image
from cv.site import Site
from tests.detect.test_watch import (
    INCIDENT,
    START,
    Memory,
    evidence_of,
    looks,
    picture,
    site_in,
)
from tests.small_disk import SmallDisk
from tests.webhook_receiver import WebhookReceiver

MB = 2**20
LIMITS = DiskLimits(thin_below=14 * MB, no_pictures_below=9 * MB)


@pytest.fixture
def site(small_disk: SmallDisk) -> Site:
    plain = site_in(small_disk.folder, dwell_s=2)
    cameras = tuple(replace(plain.cameras[0], id=f"c{n}") for n in range(4))
    reporting = replace(plain.reporting, targets=("webhook",), update_every_s=1)
    return replace(plain, cameras=cameras, reporting=reporting, disk=LIMITS)


@pytest.mark.slow
@pytest.mark.media
def test_as_the_disk_fills_pictures_give_way_and_every_case_is_told(
    small_disk: SmallDisk, site: Site, tmp_path: Path, media: Path
) -> None:
    image = np.asarray(
        cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp")), np.uint8
    )
    detector = Detector(backend="onnxruntime")
    said: list[KerbwatchError] = []
    outgoing = Outgoing(site.reporting.data, site.privacy)
    with (
        CaseStore(small_disk.folder / "cases.sqlite") as store,
        WebhookReceiver(tmp_path) as receiver,
        Outbox(
            store, [WebhookTarget(receiver.url, [receiver.SECRET], outgoing, timeout_s=10)]
        ) as box,
    ):

        def watched(number: int, free: int | None, seconds: int = 3) -> CameraWatch:
            """Look at the junction, with so much room; None fills the disk while it looks."""
            camera = site.cameras[number]
            recorder = CaseRecorder(store, site, camera, "live", detector.info)
            watch = CameraWatch(site, camera, detector, recorder, every_s=1)
            trouble = Trouble(camera.id, said.append)
            small_disk.leave(free or 10 * MB)
            for second in range(seconds):
                if free is None:
                    small_disk.leave(0)
                trouble.look(watch, at(image, second))
            box.deliver_due()
            return watch

        watches = [watched(0, 20 * MB, 4), watched(1, 13 * MB), watched(2, 8 * MB)]
        assert not said
        watches.append(watched(3, None))
        assert any("full" in str(error) for error in said)
        small_disk.leave(8 * MB)
        Trouble("c3", said.append).look(watches[3], at(image, 4))
        while box.deliver_due().delivered:
            pass
        cases = [stored.case for stored in store.cases(limit=999)]
        told = {row["key"] for row in receiver.received}
    assert {case.id for case in cases} == {i.id for w in watches for i in w.open_incidents}
    assert told >= {f"{case.id}.new" for case in cases}
    pictures = {
        name: [
            [(item.role, item.withheld) for item in case.evidence]
            for case in cases
            if case.source.channel_id == name
        ]
        for name in ("c0", "c1", "c2", "c3")
    }
    assert all(found for found in pictures.values())
    scene, crop = ("scene", None), ("crop", None)
    for found in pictures["c0"]:
        assert found[:3] == [scene, crop, ("before", None)]
        assert len(found) > 3, "and how it was later"
    assert all(found == [scene, crop] for found in pictures["c1"])
    for name in ("c2", "c3"):
        for found in pictures[name]:
            assert {withheld for _, withheld in found} == {"not stored"}, "and says so"


def at(image: Image, second: int) -> Frame:
    return Frame(Pixels(image), START + timedelta(seconds=second), float(second), second)


@pytest.mark.media
def test_first_frames_that_wait_are_deleted_for_room(small_disk: SmallDisk, media: Path) -> None:
    image = np.asarray(
        cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp")), np.uint8
    )
    site, now = replace(site_in(small_disk.folder, dwell_s=600), disk=LIMITS), [0.0]
    watch = CameraWatch(
        site,
        site.cameras[0],
        Detector(backend="onnxruntime"),
        Memory(),
        every_s=1,
        space=DiskSpace(small_disk.folder, LIMITS, clock=lambda: now[0]),
    )
    looks(watch, image, range(3))
    waiting = small_disk.folder / "candidates/gate"
    assert list(waiting.iterdir())
    small_disk.leave(13 * MB)
    now[0] = 10
    looks(watch, image, range(3, 4))
    assert not list(waiting.iterdir())


def test_where_there_is_little_room_pictures_are_smaller(small_disk: SmallDisk, site: Site) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    sizes = []
    for free in (20 * MB, 12 * MB):
        small_disk.leave(free)
        folder = evidence_of(site, lambda _: MaskCounts())
        moment = replace(INCIDENT, id=f"kw-{free}")
        (scene, *_) = folder.opened(moment, Frame(Pixels(noise), moment.confirmed_at, 0.0, 0), None)
        assert scene.file is not None
        sizes.append((small_disk.folder / scene.file).stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]


def test_first_frames_give_way_to_cases(small_disk: SmallDisk, site: Site) -> None:
    """They are only what may become one; and nothing is left of a picture half written."""
    folder = evidence_of(site, lambda _: MaskCounts())
    small_disk.leave(20 * MB)
    kept = folder.keep_candidate(picture(), START)
    assert kept is not None
    small_disk.leave(0)
    assert folder.keep_candidate(picture(9), START + timedelta(seconds=1)) is None
    assert [file.name for file in (small_disk.folder / "candidates/c0").iterdir()] == [
        Path(kept).name
    ]


def test_each_change_is_one_line_and_one_object(
    small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    space = DiskSpace(small_disk.folder / "not yet", LIMITS, clock=lambda: now[0])
    fault = DiskFault(space, START.tzinfo)  # type: ignore[arg-type]
    told = []
    for free in (20, 13, 13, 8, 9.5, 10.5, 15, 20):
        small_disk.leave(int(free * MB))
        now[0] += 10
        for _ in range(3):
            news = fault.news()
            if news:
                told.append((news["fault"], news["state"], news["pictures"]))
    assert told == [
        ("disk_low", "open", "thinned"),
        ("disk_low", "open", "none"),
        ("disk_low", "open", "thinned"),
        ("disk_low", "cleared", "all"),
    ], "9.5 MB is not enough more than 9, nor 15 than 14"
    assert len(caplog.records) == 4
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2 + ["WARNING"] * 2
    assert json.dumps(news) == "null"


def test_the_doctor_and_the_site_file_know_the_limits(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text(
        f'[reporting]\ndata = "{small_disk.folder}"\n'
        '[disk]\nthin_below = "12MB"\nno_pictures_below = "6MB"\n[[cameras]]\nid = "gate"\n',
        encoding="utf-8",
    )
    told = []
    for free in (20, 10, 4):
        small_disk.leave(free * MB)
        (found,) = [finding for finding in doctor.examine() if finding.what == "disk"]
        told.append(found)
    assert [found.trouble.partition(":")[0] for found in told] == [
        "", "little is left", "too little is left",
    ]  # fmt: skip
    assert told[0].value == f"21.0 MB free in {small_disk.folder}"


def test_it_is_measured_now_and_then_only(small_disk: SmallDisk) -> None:
    now = [0.0]
    space = DiskSpace(small_disk.folder, LIMITS, clock=lambda: now[0])
    assert space.room is Room.PLENTY
    small_disk.leave(MB)
    now[0] = 1.0
    assert space.room is Room.PLENTY
    now[0] = 2.0
    assert space.room is Room.NONE
    assert space.free <= MB


def test_a_folder_that_cannot_be_looked_at_costs_nobody_their_look(tmp_path: Path) -> None:
    """As on a share that went away; a name that is too long is refused alike."""
    space = DiskSpace(tmp_path / ("a" * 300) / "data", LIMITS)
    assert (space.room, space.free) == (Room.PLENTY, 0)


def test_limits_are_a_share_of_small_disks() -> None:
    assert DiskLimits().of(10**12) == (2 * 10**9, 500 * 10**6)
    assert DiskLimits().of(10**9) == (100 * 10**6, 25 * 10**6)
    assert DiskLimits(thin_below=5).of(10**9) == (25 * 10**6, 25 * 10**6)


def test_sizes_are_read_as_people_write_them() -> None:
    sizes = [parse_size(text) for text in ("500MB", "1.5 gb", "2TB")]
    assert sizes == [5 * 10**8, 15 * 10**8, 2 * 10**12]
    for wrong in ("5", 5, "5 KB", "-1GB", "GB", None):
        with pytest.raises(UserError, match="write 500MB, 2GB"):
            parse_size(wrong)
    assert [size_text(n) for n in (0, 12_345_678, 2 * 10**9, 3 * 10**12)] == [
        "0.0 MB", "12.3 MB", "2.0 GB", "3.0 TB",
    ]  # fmt: skip
