"""What is open in a zone, or at a camera, that the site file has no more does not stay open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cv.cases.case import Case
from cv.cases.filter import CaseFilter
from cv.cases.nearby import Sighting, open_near
from cv.cases.recorder import CaseRecorder
from cv.cases.store import CaseStore
from cv.cases.unwatched import unwatched_cases
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Frame
from cv.detect.picture import Picture, Pixels
from cv.detect.watch import CameraWatch
from cv.geometry import Box, Image
from cv.labels import ZoneKind
from cv.site import PhotoSettings, Privacy, Site, Zone
from cv.site.rules import RuleChange
from tests.cases.conftest import File
from tests.cases.filings import GATE, KERB, case_of

START = datetime(2026, 3, 14, 8, tzinfo=UTC)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LANE = Zone("kerb", "路缘 Kerb", ZoneKind.FIRE_LANE, WHOLE, RuleChange("t", dwell_s=5, clear_s=10))


class Parked(Detector):
    """Sees the same car in every picture."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        return [Detection("car", 0.9, Box(200, 150, 320, 230))]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Parked(backend="onnxruntime", threads=1)


@pytest.fixture(scope="module")
def street() -> Image:
    rng = np.random.default_rng(3)
    return cv2.resize(rng.integers(0, 255, (36, 64, 3)).astype(np.uint8), (640, 360))  # type: ignore[return-value]


def with_zone(site: Site, zone: Zone) -> Site:
    return replace(
        site,
        cameras=(replace(GATE, zones=(zone,)),),
        privacy=Privacy(heads=False, plates=False),
        reporting=replace(site.reporting, targets=("spool",)),
    )


def watch(store: CaseStore, site: Site, detector: Detector, street: Image, *seconds: int) -> None:
    """A run of `kerbwatch detect` of one look a second, from one second until before another."""
    (camera,) = site.cameras
    recorder = CaseRecorder(store, site, camera, "live", detector.info)
    run = CameraWatch(site, camera, detector, recorder, every_s=1)
    for second in range(*seconds):
        run.look(Frame(Pixels(street), START + timedelta(seconds=second), float(second), second))
    run.close()


def stored(store: CaseStore, state: str | None = None) -> list[Case]:
    return [one.case for one in store.cases(CaseFilter(state=state), limit=9)]


@pytest.mark.parametrize(
    "now",
    [
        replace(LANE, id="kerb-east"),
        replace(LANE, kind=ZoneKind.IGNORE),
        replace(LANE, id="other", polygon=((0.0, 0.0), (0.1, 0.0), (0.0, 0.1))),
    ],
    ids=["renamed", "ignored", "removed"],
)
def test_a_case_ends_with_its_zone(
    store: CaseStore, site: Site, detector: Detector, street: Image, now: Zone
) -> None:
    before, after = with_zone(site, LANE), with_zone(site, now)
    watch(store, before, detector, street, 0, 9)
    (opened,) = stored(store, "open")
    assert len(list(unwatched_cases(store.database, after))) == 1

    watch(store, after, detector, street, 9, 12)
    (ended,) = stored(store)
    assert (ended.id, ended.state) == (opened.id, "cleared")
    assert ended.time.cleared == START + timedelta(seconds=9)
    assert ended.detections[0].roi == opened.detections[0].roi
    assert ended.matter == opened.matter, "with the code of the zone that it was"
    assert [item.role for item in ended.evidence] == [item.role for item in opened.evidence]
    assert not list(unwatched_cases(store.database, after))
    with store.database.read() as session:
        assert GATE.lon and GATE.lat
        here = Sighting(GATE.lon, GATE.lat, START, START + timedelta(days=7))
        assert not open_near(session, here, frozenset({"blocked_lane"}), PhotoSettings())
    watch(store, after, detector, street, 12, 13)
    assert [d.event for d in store.deliveries(opened.id)] == ["new", "cleared"], "told once"


def test_what_the_store_does_not_have_ends_without_a_word(
    store: CaseStore, site: Site, detector: Detector, street: Image, tmp_path: Path
) -> None:
    """The site names another database than yesterday, and the state was copied there."""
    before, after = with_zone(site, LANE), with_zone(site, replace(LANE, id="kerb-east"))
    watch(store, before, detector, street, 0, 9)
    with CaseStore(tmp_path / "other.sqlite") as other:
        state = store.load_state("gate", "live")
        other.commit_look(
            camera="gate", stream="live", filings=[], state=state, targets=[], now=START
        )
        watch(other, after, detector, street, 9, 12)
        assert not stored(other)


@pytest.mark.both_databases
def test_open_cases_of_cameras_and_zones_that_there_are_no_more_are_named(
    store: CaseStore, site: Site, file: File
) -> None:
    file(case_of(site, 0), case_of(site, 1), case_of(site, 2), case_of(site, 2, "cleared"))
    assert not list(unwatched_cases(store.database, site))
    (line,) = unwatched_cases(store.database, replace(site, cameras=()))
    assert "cameras that the site file does not have: gate (2)" in line
    ignored = replace(GATE, zones=(replace(KERB, kind=ZoneKind.IGNORE),))
    (line,) = unwatched_cases(store.database, replace(site, cameras=(ignored,)))
    assert "zones that the site file does not have: gate/kerb (2)" in line
