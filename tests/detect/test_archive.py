"""Photos by the thousand, in one process: results, failures, what is done before."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from cv.codes import edition
from cv.detect.archive import PhotoArchive, detect_in_photo
from cv.detect.detector import Detection, Detector
from cv.detect.journal import Journal
from cv.detect.look import Filing, Look
from cv.detect.photo import Photo, decode_photo, read_photo
from cv.detect.run import Job, Progress
from cv.errors import KerbwatchError
from cv.geometry import iou
from tests.tiny_model import write_tiny_model

CODES = edition("GB/T 47678.5-2026")


class Heard:
    """A listener that keeps names."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.done: list[str] = []
        self.before: list[str] = []
        self.bad: list[str] = []
        self.stop = threading.Event()
        self._stop_after = stop_after

    def started(self, job: Job, progress: Progress) -> None: ...

    def looked(self, job: Job, progress: Progress, look: Look) -> None: ...

    def changed(self, job: Job, filing: Filing) -> None: ...

    def ended(self, job: Job, progress: Progress) -> None: ...

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
        self.done.append(job.source.path.name)
        if len(self.done) == self._stop_after:
            self.stop.set()

    def skipped(self, job: Job) -> None:
        self.before.append(job.source.path.name)

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self.bad.append(f"{job.source.path.name}: {error}")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    model = write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.onnx")
    return Detector(model, backend="onnxruntime", threads=1)


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Six photos of one colour each, the third damaged."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(6):
        colour = np.full((16, 16, 3), (20 * n, 100, 30), np.uint8)
        cv2.imwrite(str(folder / f"{n}.png"), colour)
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    return [str(path) for path in sorted(folder.iterdir())]


def run(
    photos: list[str], detector: Detector, out: Path | None = None, stop_after: int | None = None
) -> Heard:
    heard = Heard(stop_after)
    if out is None:
        PhotoArchive(detector, CODES, heard, heard.stop).run(photos)
    else:
        with Journal(out, detector.info) as journal:
            PhotoArchive(detector, CODES, heard, heard.stop, journal=journal).run(photos)
    return heard


def test_a_bad_photo_is_told_and_the_others_go_on(photos: list[str], tiny: Detector) -> None:
    gone = str(Path(photos[0]).with_name("gone.png"))
    heard = run([*photos[:4], gone, *photos[4:]], tiny)
    assert heard.done == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert [line.split(":")[0] for line in heard.bad] == ["2.png", "gone.png"]


def test_results_are_what_each_photo_shows(
    photos: list[str], tiny: Detector, tmp_path: Path
) -> None:
    run(photos, tiny, tmp_path / "out.jsonl")
    head, *lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert head["model"]["sha256"] == tiny.info.sha256
    assert [line["photo"] for line in lines] == photos
    for n, line in enumerate(lines):
        if n == 2:
            assert "damaged" in line["failure"]
            continue
        assert (line["width"], line["height"]) == (16, 16)
        (car,) = line["detections"]
        left = 20 * n * 16 / 640
        assert car["box"][0] == pytest.approx(left, abs=0.1)


def test_a_second_run_does_what_is_left_and_what_failed(
    photos: list[str], tiny: Detector, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    first = run(photos, tiny, out, stop_after=3)
    assert first.done == ["0.png", "1.png", "3.png"]
    cv2.imwrite(photos[1], np.zeros((16, 16, 3), np.uint8))
    second = run(photos, tiny, out)
    assert second.before == ["0.png", "3.png"]
    assert second.done == ["1.png", "4.png", "5.png"]
    assert len(second.bad) == 1
    third = run(photos, tiny, out)
    assert third.done == []
    assert len(third.before) == 5


@pytest.mark.parametrize("places", [1, 2])
def test_photos_are_read_ahead_but_not_far_and_told_in_order(
    photos: list[str], tiny: Detector, monkeypatch: pytest.MonkeyPatch, places: int
) -> None:
    reading: list[str] = []
    ahead: list[int] = []

    def noted(path: Path, *, enough: int | None = None) -> Photo:
        reading.append(path.name)
        return read_photo(path, enough=enough)

    class Slow(Heard):
        def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
            super().photo(job, photo, detections)
            time.sleep(0.05)
            ahead.append(len(reading) - 1 - photos.index(job.source.name))

    monkeypatch.setattr("cv.detect.archive.read_photo", noted)
    heard = Slow()
    PhotoArchive(tiny, CODES, heard, heard.stop, places=places).run(photos)
    assert heard.done == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert max(ahead) == places


@pytest.mark.parametrize("orientation", [1, 6])
def test_boxes_are_in_pixels_of_the_whole_photo(tiny: Detector, orientation: int) -> None:
    """Decoded at a quarter, the photo is looked at in the same place."""
    image = np.full((5200, 5200, 3), (64, 128, 0), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    if orientation == 6:
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    whole, part = decode_photo(data), decode_photo(data, enough=1280)
    assert (part.width, part.height) == whole.image.shape[1::-1] == (5200, 5200)
    assert part.image.shape == (1300, 1300, 3)
    (one,), (other,) = detect_in_photo(tiny, whole), detect_in_photo(tiny, part)
    assert other.box == pytest.approx(one.box, abs=1)
    assert other.box.x1 == pytest.approx(64 * 5200 / 640, abs=5)


@pytest.mark.parametrize(
    ("size", "part"), [((2559, 1200), 1), ((2560, 1200), 2), ((3000, 5119), 2), ((5120, 100), 4)]
)
def test_a_photo_is_never_decoded_smaller_than_is_enough(size: tuple[int, int], part: int) -> None:
    width, height = size
    data = cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes()
    photo = decode_photo(data, enough=1280)
    assert photo.image.shape[:2] == (-(-height // part), -(-width // part))
    assert (photo.width, photo.height) == size


def test_a_part_of_the_size_keeps_the_sides_of_a_turned_photo() -> None:
    image = np.zeros((1300, 2600, 3), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    photo = decode_photo(data, enough=1280)
    assert (photo.width, photo.height) == (1300, 2600)
    assert photo.image.shape == (1300, 650, 3)


@pytest.mark.media
def test_detections_do_not_suffer_from_decoding_at_a_part(media: Path) -> None:
    """Photos of streets enlarged to phone size: the same objects in the same places."""
    detector = Detector(backend="onnxruntime")
    found = lost = 0
    for file in sorted((media / "data/garbage_cn/images").glob("*.webp"))[:8]:
        image = cv2.imread(str(file))
        large = cv2.resize(image, None, fx=4.5, fy=4.5, interpolation=cv2.INTER_CUBIC)
        data = cv2.imencode(".jpg", large)[1].tobytes()
        whole = detect_in_photo(detector, decode_photo(data))
        part = detect_in_photo(detector, decode_photo(data, enough=1280))
        sure = [d for d in whole if d.score > detector.thresholds[d.label] + 0.05]
        found += len(sure)
        lost += sum(
            not any(d.label == p.label and iou(d.box, p.box) > 0.9 for p in part) for d in sure
        )
    assert found >= 6
    assert lost <= found * 0.1
