"""Recordings of one camera follow one another, whether or not they say when they began."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cv.bench.watching import Counter, bench_site
from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.detect.batch import Batch
from cv.detect.detector import Detection, Detector
from cv.detect.frames import Source, SourceKind
from cv.detect.journal import Journal
from cv.detect.look import Look
from cv.detect.picture import Picture
from cv.detect.resume import Resume
from cv.detect.run import Job, Options, Progress
from cv.geometry import Box
from tests.detect.clips import make_clip, numbered

WRITTEN = datetime(2026, 3, 14, 8, tzinfo=UTC)
LENGTH = timedelta(seconds=20)


class Parked(Detector):
    """Sees the same car in every picture."""

    def detect_in(self, picture: Picture, **options: Any) -> list[Detection]:
        return [Detection("car", 0.9, Box(40, 40, 120, 100))]


class Times(Counter):
    """Keeps when each look of a source was."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[datetime]] = {}

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        self.of.setdefault(Path(job.source.name).stem, []).append(look.frame.time)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Parked(backend="onnxruntime", threads=1)


@pytest.fixture
def clip(tmp_path: Path) -> Any:
    """Makes a clip of a still scene, by default of 20 s and last written at 16:00 in China. One
    that ends in .mkv does not say how long it is.
    """

    def make(
        name: str, *, seconds: int = 20, written: datetime = WRITTEN, suffix: str = ".mp4"
    ) -> Path:
        scene = [numbered(0b1010101010)] * seconds
        options = {"live": "1"} if suffix == ".mkv" else {}
        path = make_clip(tmp_path / f"{name}{suffix}", images=scene, fps=1, gop=5, options=options)
        os.utime(path, (written.timestamp(), written.timestamp()))
        return path

    return make


def watched(
    clips: Sequence[Path], detector: Detector, folder: Path, out: Path | None = None
) -> tuple[dict[str, list[datetime]], int]:
    """The looks of one run over recordings of one camera, and how many cases there are then."""
    site, times, options = bench_site(folder), Times(), Options(every_s=1.0, tz=UTC)
    journal = Journal(out, detector.info) if out else None
    jobs = [Job(Source(SourceKind.RECORDING, path), site.cameras[0]) for path in clips]
    with CaseStore(folder / "cases.sqlite") as store:
        watch_of = watches(store, site, detector, options, refresh_s=0.0)
        resume = Resume(journal, ()) if journal else None
        Batch(detector, watch_of, options, times, threading.Event(), resume=resume).run(jobs)
        count = len(store.cases(limit=9))
    if journal:
        journal.__exit__()
    return times.of, count


def test_copies_of_one_moment_follow_one_another(
    clip: Any, detector: Detector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [clip("a"), clip("b"), clip("c")]
    looks, _ = watched(clips, detector, tmp_path)
    assert [len(times) for times in looks.values()] == [20, 20, 20]
    assert looks["a"][0] == WRITTEN - LENGTH
    together = [*looks["a"], *looks["b"], *looks["c"]]
    assert {later - earlier for earlier, later in pairwise(together)} == {timedelta(seconds=1)}
    said = [record.getMessage() for record in caplog.records if "guess" in record.getMessage()]
    assert len(said) == 3
    assert (
        "a.mp4: no time in the file or its name; taken to begin at 2026-03-14 07:59:40" in said[0]
    )
    assert "taken to begin at 2026-03-14 08:00:00" in said[1]
    assert "--start" in said[1]


def test_a_dwell_goes_on_from_one_copy_to_the_next(
    clip: Any, detector: Detector, tmp_path: Path
) -> None:
    """300 s, of which each has little more than half."""
    _, cases = watched([clip("a", seconds=160), clip("b", seconds=160)], detector, tmp_path)
    assert cases == 1


@pytest.mark.parametrize(("longer_s", "suffix"), [(1, ".mp4"), (7, ".mp4"), (1, ".mkv")])
def test_a_dwell_goes_on_where_a_segment_is_longer_than_its_name_says(
    clip: Any, detector: Detector, tmp_path: Path, longer_s: int, suffix: str
) -> None:
    """A recorder closes a segment at the next key frame, and its name has whole seconds."""
    names = [f"gate_20260314_15{minute:02d}00" for minute in range(6)]
    clips = [clip(name, seconds=60 + longer_s, suffix=suffix) for name in names]
    looks, cases = watched(clips, detector, tmp_path)
    assert cases == 1
    together = [time for times in looks.values() for time in times]
    assert len(together) == len(set(together)) == 6 * 60 + longer_s, "nothing is looked at twice"


def test_a_segment_goes_on_from_one_that_an_earlier_run_has_done(
    clip: Any, detector: Detector, tmp_path: Path
) -> None:
    clips = [clip(f"gate_20260314_15{minute:02d}00", seconds=61) for minute in range(6)]
    out = tmp_path / "out.jsonl"
    for done in (3, 6):
        _, cases = watched(clips[:done], detector, tmp_path / "again", out)
    assert cases == 1


def test_the_same_recording_under_another_name_is_a_re_run(
    clip: Any, detector: Detector, tmp_path: Path
) -> None:
    clips = [clip(f"{name}_20260314_150000", seconds=310) for name in ("gate", "copy_of_gate")]
    looks, cases = watched(clips, detector, tmp_path)
    assert [len(times) for times in looks.values()] == [310, 310]
    assert cases == 1


def test_times_that_are_known_or_do_not_overlap_stay(
    clip: Any, detector: Detector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = clip("gate_20260314_075950")
    looks, _ = watched([clip("a"), known], detector, tmp_path)
    assert looks[known.stem][0] == WRITTEN - timedelta(seconds=10), "it says so itself"
    assert len([record for record in caplog.records if "guess" in record.getMessage()]) == 1
    earlier, later = clip("b", written=WRITTEN - LENGTH), clip("d", written=WRITTEN + 2 * LENGTH)
    looks, _ = watched([clip("c"), earlier, later], detector, tmp_path)
    assert [times[0] for times in looks.values()] == [
        WRITTEN - LENGTH,
        WRITTEN - 2 * LENGTH,
        WRITTEN + LENGTH,
    ]


def test_a_run_that_goes_on_places_them_as_the_first_one_did(
    clip: Any, detector: Detector, tmp_path: Path
) -> None:
    clips, out = [clip("a"), clip("b"), clip("c")], tmp_path / "out.jsonl"
    watched(clips[:2], detector, tmp_path / "again", out)
    looks, _ = watched(clips, detector, tmp_path / "again", out)
    assert list(looks) == ["c"]
    assert looks["c"][0] == WRITTEN + LENGTH
