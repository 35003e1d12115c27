"""Citizens' photos, once a person has reviewed their case, are training photos."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags
from PIL import Image as Pillow

from cv.cases.case import Case
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.data.feedback import write_feedback
from cv.data.reading import read_sources
from cv.data.samples import Sample, read_image
from cv.detect.detector import Detector
from cv.errors import UserError
from cv.evidence.originals import open_originals
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import GATE, START
from tests.serve.conftest import LIMITS, jpeg

pytestmark = pytest.mark.media
NOW = datetime(2026, 3, 14, 18, tzinfo=UTC)
REPORT = {
    "lon": str(GATE.lon), "lat": str(GATE.lat), "coord_sys": "CGCS2000", "report": "true",
    "captured_at": START.isoformat(), "category": "blocked_lane",
}  # fmt: skip


def reported(detector: Detector, place: Site, store: CaseStore, *pictures: bytes) -> str:
    """A report with these pictures; gives the id of its case."""
    app = create_app(detector, place, limits=LIMITS, secret="s" * 32, store=store)
    files = [("image", ("p.jpg", picture, "image/jpeg")) for picture in pictures]
    with TestClient(app) as client:
        answer = client.post("/v1/photos", data=REPORT, files=files)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["case"]["id"])


def judged(store: CaseStore, case_id: str, reason: RejectReason | None = None) -> Case:
    store.review(case_id, review_of(reason, "li", NOW))
    return store.case(case_id).case


def learnt(case: Case, place: Site, folder: Path) -> Sample:
    originals = open_originals(place.reporting.data)
    write_feedback([case], originals, folder / "city", seen=lambda _: None)
    (sample,) = read_sources(folder)
    return sample


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, new_key())


def upside_down(picture: bytes) -> bytes:
    """As a phone stores what it took upside down: the pixels as they came, and a note."""
    exif, out = Pillow.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 3
    with Pillow.open(io.BytesIO(picture)) as image:
        image.transpose(Pillow.Transpose.ROTATE_180).save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


@pytest.mark.usefixtures("sealed")
def test_a_confirmed_report_is_its_photo_upright_with_its_box(
    detector: Detector, place: Site, store: CaseStore, junction: bytes, tmp_path: Path
) -> None:
    turned = upside_down(junction)
    case = judged(store, reported(detector, place, store, jpeg(), turned))
    sample = learnt(case, place, tmp_path / "learnt")
    (item,) = sample.boxes
    assert case.box is not None
    assert item.label == case.detections[0].label
    width, height = case.detections[0].image_wh
    x1, y1, x2, y2 = case.box
    expected = (x1 / width, y1 / height, x2 / width, y2 / height)
    assert item.box == pytest.approx(expected, abs=1e-3)
    assert sample.image.read_bytes() != turned
    with Pillow.open(sample.image) as picture:
        assert picture.size == (width, height)
        assert ExifTags.Base.Orientation not in picture.getexif()
    assert sample.group == f"/report/{case.id}"
    assert sample.complete == frozenset()


def test_what_the_model_took_for_something_is_a_hard_negative(
    detector: Detector, place: Site, store: CaseStore, junction: bytes, tmp_path: Path
) -> None:
    case = judged(store, reported(detector, place, store, junction), RejectReason.MISTAKEN)
    sample = learnt(case, place, tmp_path / "learnt")
    assert sample.boxes == ()
    assert sample.absent == {case.detections[0].label}
    height, width = read_image(sample.image).shape[:2]
    assert (width, height) < case.detections[0].image_wh


def test_a_report_of_what_the_model_did_not_see_has_no_box(
    detector: Detector, place: Site, store: CaseStore, tmp_path: Path
) -> None:
    case = judged(store, reported(detector, place, store, jpeg()))
    with pytest.raises(UserError, match="1 without a box"):
        learnt(case, place, tmp_path / "learnt")


def test_a_photo_past_its_deadline_teaches_nothing(
    detector: Detector, place: Site, store: CaseStore, junction: bytes, tmp_path: Path
) -> None:
    case = judged(store, reported(detector, place, store, junction))
    for file in (place.reporting.data / "originals").rglob("*.jpg"):
        file.unlink()
    with pytest.raises(UserError, match=r"1 past privacy\.keep_originals"):
        learnt(case, place, tmp_path / "learnt")
