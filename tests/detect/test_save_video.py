"""Annotated copies: each can be played once its recording has ended, and nobody can be known."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cv.bench.watching import Counter, bench_site
from cv.cli import app
from cv.detect.annotate import AnnotatedVideo, annotate
from cv.detect.copy_file import CopyFile, write_photo
from cv.detect.detector import Detector
from cv.detect.frames import Frame, Source, SourceKind, SourceUrl
from cv.detect.jobs import Plan
from cv.detect.look import Look
from cv.detect.masking import mask
from cv.detect.picture import Pixels
from cv.detect.run import Job, Progress
from cv.detect.save_video import AnnotatedCopies
from cv.errors import KerbwatchError, SourceError
from cv.geometry import Image
from tests.detect.clips import make_clip, number_of, numbered

NOW = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(backend="onnxruntime")


def look(image: Image, second: int = 0) -> Look:
    """One in which nothing was found that is sure enough to be drawn."""
    return Look(Frame(Pixels(image), NOW, float(second), second), [])


def played(path: Path) -> int:
    with av.open(str(path)) as copy:
        return sum(1 for _ in copy.decode(video=0))


def test_a_copy_is_whole_once_its_recording_has_ended(detector: Detector, tmp_path: Path) -> None:
    clips = [Path("one.mp4"), Path("two.mp4")]
    plan = Plan([Job(Source(SourceKind.RECORDING, clip), None) for clip in clips])
    folder = tmp_path / "copies"
    with AnnotatedCopies(folder, bench_site(tmp_path), detector, plan, Counter()) as copies:
        for job in plan.jobs:
            progress = Progress(job.source.name, job.source.stats)
            copies.started(job, progress)
            for second in range(3):
                copies.looked(job, progress, look(numbered(second), second))
            copies.ended(job, progress)
            assert played(folder / job.source.name) == 3


@pytest.mark.parametrize(
    ("place", "photos", "problem"),
    [
        ("file/x.mp4", 0, "Not a directory|File exists"),
        ("copy.txt", 0, "a copy is a file of .mp4, .mkv, .mov, or a folder"),
        ("copy.mp4", 1, "a copy is a file of .jpg, .jpeg, .png, .webp, or a folder"),
        ("copy.jpg", 2, "several sources need a folder"),
    ],
)
def test_a_copy_that_cannot_be_written_is_one_line_before_anything_is_watched(
    place: str, photos: int, problem: str, detector: Detector, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    clip = Job(Source(SourceKind.RECORDING, Path("one.mp4")), None)
    plan = Plan([] if photos else [clip], [f"{n}.jpg" for n in range(photos)])
    with pytest.raises(SourceError, match=problem):
        AnnotatedCopies(tmp_path / place, bench_site(tmp_path), detector, plan, Counter())


def detect(*arguments: object) -> int:
    asked = ["detect", *map(str, arguments), "--backend", "onnxruntime", "--quiet"]
    return CliRunner().invoke(app, asked).exit_code


def test_a_photo_whose_name_is_no_utf8_has_a_copy(tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"\xc4\xe3.jpg")  # GBK
    photo.write_bytes(cv2.imencode(".jpg", numbered(1))[1].tobytes())
    assert detect(photo, "--save-video", tmp_path / "copies", "--data", tmp_path / "data") == 0
    copy = (tmp_path / "copies" / photo.name).read_bytes()
    assert cv2.imdecode(np.frombuffer(copy, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov", "folder"])
def test_a_second_run_replaces_its_copy_of_a_video(tmp_path: Path, name: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=50)
    place = tmp_path / "copies" / name
    copy = place / "clip.mp4" if name == "folder" else place
    asked = (clip, "--every", "1s", "--save-video", place, "--data", tmp_path / "data")
    assert detect(*asked) == 0
    first = copy.stat().st_ino
    assert detect(*asked) == 0
    assert played(copy) == 2
    assert copy.stat().st_ino != first
    assert list(copy.parent.iterdir()) == [copy], "no part is left"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_second_run_replaces_its_copy_of_a_photo(tmp_path: Path, suffix: str) -> None:
    copy = tmp_path / f"copy{suffix}"
    for number in (1, 900):
        CopyFile(copy).refuse_others()
        write_photo(copy, numbered(number))
    assert number_of(np.asarray(cv2.imread(str(copy)), np.uint8)) == 900


@pytest.mark.parametrize("kind", ["video", "empty", "link", "folder"])
def test_what_is_no_copy_is_not_replaced(kind: str, detector: Detector, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    there = folder / "one.mp4"
    match kind:
        case "video":
            make_clip(there, frames=5)
        case "empty":
            there.touch()
        case "link":
            there.symlink_to(tmp_path / "nowhere.mp4")
        case "folder":
            there.mkdir()
    plan = Plan([Job(Source(SourceKind.RECORDING, Path("one.mp4")), None)])
    with pytest.raises(SourceError, match=r"mine/one\.mp4 is there already and is no copy"):
        AnnotatedCopies(folder, bench_site(tmp_path), detector, plan, Counter())


def test_what_comes_there_meanwhile_is_not_replaced_either(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "copy.mp4")
    video.add(numbered(1), 0.0)
    (tmp_path / "copy.mp4").write_text("mine")
    with pytest.raises(SourceError, match="is no copy that kerbwatch made"):
        video.close()
    assert (tmp_path / "copy.mp4").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "copy.mp4"]


def test_a_source_with_a_second_name_is_not_replaced(detector: Detector, tmp_path: Path) -> None:
    """Not even one that is itself a copy."""
    source = tmp_path / "source.mp4"
    video = AnnotatedVideo(source)
    video.add(numbered(1), 0.0)
    video.close()
    (tmp_path / "copy.mp4").hardlink_to(source)
    plan = Plan([Job(Source(SourceKind.RECORDING, source), None)])
    with pytest.raises(SourceError, match=r"copy.mp4 is a source"):
        AnnotatedCopies(tmp_path / "copy.mp4", bench_site(tmp_path), detector, plan, Counter())


def test_a_copy_is_not_written_through_its_other_names(tmp_path: Path) -> None:
    copy, kept = tmp_path / "copy.jpg", tmp_path / "kept.jpg"
    write_photo(copy, numbered(1))
    kept.hardlink_to(copy)
    write_photo(copy, numbered(2))
    assert number_of(np.asarray(cv2.imread(str(kept)), np.uint8)) == 1


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Told(Counter):
    """Keeps what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self.failures.append(str(error))


def test_a_copy_in_trouble_is_told_once_and_given_up_while_the_watch_goes_on(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Job(Source(SourceKind.STREAM, SourceUrl("rtsp://10.0.0.8/gate")), None)
    progress = Progress(gate.source.name, gate.source.stats)
    told = Told()
    copy = tmp_path / "copy.mp4"
    with AnnotatedCopies(copy, bench_site(tmp_path), detector, Plan([gate]), told) as copies:
        copies.started(gate, progress)
        copies.looked(gate, progress, look(numbered(0)))
        monkeypatch.setattr(AnnotatedVideo, "_add", full)
        for second in (1, 2, 3):
            copies.looked(gate, progress, look(numbered(second), second))
        copies.ended(gate, progress)
    assert told.looks == 4
    assert told.failures == [
        f"{copy}: cannot write a video there: No space left on device; "
        "rtsp://10.0.0.8/gate stays without a copy"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_recording_without_its_copy_is_watched_to_its_end_and_the_run_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=50)
    monkeypatch.setattr(AnnotatedVideo, "_add", full)
    copy, journal = tmp_path / "copy.mp4", tmp_path / "results.jsonl"
    assert detect(clip, "--save-video", copy, "--out", journal, "--data", tmp_path / "data") == 1
    assert '"state": "done", "looks": 2' in journal.read_text()


def test_a_source_that_is_done_but_for_its_copy_is_gone_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because the copy could not be written, or was not asked for then."""
    source = tmp_path / "source"
    source.mkdir()
    make_clip(source / "clip.mp4", frames=50)
    write_photo(source / "photo.jpg", numbered(0))
    copies, journal = tmp_path / "copies", tmp_path / "results.jsonl"
    common = source, "--out", journal, "--data", tmp_path / "data"
    assert detect(*common) == 0
    with monkeypatch.context() as small:
        small.setattr(AnnotatedVideo, "_add", full)
        assert detect(*common, "--save-video", copies) == 1
    assert sorted(path.name for path in copies.iterdir()) == ["photo.jpg"]
    assert detect(*common, "--save-video", copies) == 0
    assert played(copies / "clip.mp4") == 2
    lines = journal.read_text()
    assert detect(*common, "--save-video", copies) == 0
    assert journal.read_text() == lines


@pytest.mark.parametrize("place", ["", "one.mp4"])
def test_a_copy_never_replaces_its_source(place: str, detector: Detector, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "one.mp4", frames=25)
    plan = Plan([Job(Source(SourceKind.RECORDING, clip), None)])
    with pytest.raises(SourceError, match=r"one.mp4 is a source"):
        AnnotatedCopies(tmp_path / place, bench_site(tmp_path), detector, plan, Counter())


@pytest.mark.media
@pytest.mark.parametrize("plates", [False, True])
def test_a_copy_is_masked_as_evidence_is(
    plates: bool, detector: Detector, media: Path, tmp_path: Path
) -> None:
    """By what is weakly seen too, and by what the site wants masked."""
    file = next((media / "video").glob("shopping_street_*.mp4"))
    with av.open(str(file)) as container:
        image = np.asarray(next(container.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)
    site = bench_site(tmp_path)
    site = replace(site, privacy=replace(site.privacy, plates=plates))
    expected = image.copy()
    counts = mask(expected, detector, heads=True, plates=plates)
    assert counts.heads
    title = image.shape[0] // 8
    annotated = annotate(look(image), detector, site, None)
    assert np.array_equal(annotated[title:], expected[title:])


def test_one_start_is_not_given_to_several_recordings(tmp_path: Path) -> None:
    clips = [str(make_clip(tmp_path / f"{name}.mp4", frames=25)) for name in ("one", "two")]
    result = CliRunner().invoke(app, ["detect", *clips, "--start", "2026-03-14T15:30:00"])
    assert "--start is when one recording begins, and there are 2" in str(result.exception)


def test_a_start_that_cannot_be_meant_is_one_line(tmp_path: Path) -> None:
    clip = str(make_clip(tmp_path / "one.mp4", frames=25))
    result = CliRunner().invoke(app, ["detect", clip, "--start", "0001-01-01T00:00:00"])
    assert "no recording began then" in str(result.exception)
