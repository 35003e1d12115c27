"""One camera watched twice at the same time: on two machines with one database, or by mistake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np
import pytest

from cv.cases.recorder import CaseRecorder
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.detect.detector import ModelInfo as LoadedModel
from cv.detect.frames import Frame
from cv.detect.incident import Change, Event, Incident, incident_id
from cv.detect.look import Filing
from cv.detect.picture import Pixels
from cv.detect.watch import CameraWatch
from cv.site import Site
from tests.cases.filings import GATE, START, incident
from tests.detect.test_watch import site_in

pytestmark = pytest.mark.both_databases

MODEL = LoadedModel(Path("m.onnx"), "m", "1", "ab" * 32, (), {})


@pytest.fixture
def posting(site: Site) -> Site:
    return replace(site, reporting=replace(site.reporting, targets=("webhook",)))


def recorder(store: CaseStore, site: Site) -> CaseRecorder:
    return CaseRecorder(store, site, GATE, "live", MODEL)


def a_moment_later(seen: Incident) -> Incident:
    """As another process sees it, whose looks fall on other milliseconds."""
    first = seen.first_seen + timedelta(milliseconds=7)
    key = incident_id(seen.camera, seen.zone, seen.matter, first, 0)
    return replace(seen, id=key, first_seen=first)


def tell(
    store: CaseStore, site: Site, event: Event, seen: Incident, beside: frozenset[str] = frozenset()
) -> None:
    recorder(store, site).record([Filing(Change(event, seen), (), beside)], "{}")


def test_what_two_watches_open_while_neither_knows_of_the_other_is_one_case(
    store: CaseStore, posting: Site
) -> None:
    ours, theirs = incident(), a_moment_later(incident())
    assert [recorder(store, posting).known(seen) for seen in (ours, theirs)] == [None, None]
    tell(store, posting, "new", ours)
    tell(store, posting, "new", theirs)
    tell(store, posting, "updated", a_moment_later(incident(seen_s=900)))
    for seen in (ours, theirs):
        over = replace(incident(seen_s=1200, cleared=True), id=seen.id)
        tell(store, posting, "cleared", over)
    (stored,) = store.cases(limit=9)
    assert (stored.case.id, stored.case.state) == (ours.id, "cleared")
    assert stored.case.time.first_seen == ours.first_seen
    assert [d.event for d in stored.deliveries] == ["new", "updated", "cleared"]
    assert store.find(theirs.id) == stored, "the other watch tells its own id"


def test_the_one_that_is_left_brings_the_case_to_its_end(store: CaseStore, posting: Site) -> None:
    tell(store, posting, "new", incident())
    tell(store, posting, "new", a_moment_later(incident()))
    tell(store, posting, "cleared", a_moment_later(incident(seen_s=900, cleared=True)))
    (stored,) = store.cases(limit=9)
    assert (stored.case.id, stored.case.state) == (incident().id, "cleared")


def test_what_one_watch_sees_side_by_side_stays_apart(store: CaseStore, posting: Site) -> None:
    """One before the other, as two cars look from a low camera; opened in one look or later."""
    one = incident()
    box = one.box._replace(x1=one.box.x1 + 20, x2=one.box.x2 + 20)
    other = replace(one, id=incident_id("gate", "kerb", one.matter, one.first_seen, 1), box=box)
    late = replace(a_moment_later(one), box=one.box._replace(y1=one.box.y1 + 10))
    ids = frozenset({one.id, other.id})
    news = [Filing(Change("new", seen), (), ids) for seen in (one, other)]
    recorder(store, posting).record(news, "{}")
    tell(store, posting, "new", late, ids | {late.id})
    assert {stored.case.id for stored in store.cases(limit=9)} == ids | {late.id}


@pytest.mark.slow
@pytest.mark.media
def test_two_processes_on_one_camera_file_each_incident_once(
    store_place: Path | str, tmp_path: Path, media: Path
) -> None:
    """Each with its own connection; the looks of one fall 7 ms after those of the other."""
    picture = cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp"))
    image = np.asarray(picture, np.uint8)
    detector, site = Detector(backend="onnxruntime", side_by_side=True), site_in(tmp_path)
    camera, together = site.cameras[0], Barrier(2)

    def watch(milliseconds: int) -> tuple[int, int]:
        with CaseStore(store_place) as store:
            own = CaseRecorder(store, site, camera, "live", detector.info)
            watching = CameraWatch(site, camera, detector, own, every_s=1)
            for second in range(9):
                moment = START + timedelta(seconds=second, milliseconds=milliseconds)
                together.wait(60)
                watching.look(Frame(Pixels(image), moment, float(second), second))
            together.wait(60)
            return len(store.cases(limit=99)), len(watching.open_incidents)

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(watch, milliseconds) for milliseconds in (0, 7)]
        (cases, opened), (_, others) = [run.result() for run in runs]
    assert cases == opened == others > 3
