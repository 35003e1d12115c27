"""Annotated copies: each can be played once its recording has ended, and nobody can be known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from cv.bench.watching import Counter, bench_site
from cv.cli import app
from cv.detect.annotate import annotate
from cv.detect.detector import Detector
from cv.detect.frames import Frame, Source, SourceKind
from cv.detect.jobs import Plan
from cv.detect.look import Look
from cv.detect.masking import mask
from cv.detect.picture import Pixels
from cv.detect.run import Job, Progress
from cv.detect.save_video import AnnotatedCopies
from cv.errors import SourceError
from cv.geometry import Image
from tests.detect.clips import make_clip, numbered

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
