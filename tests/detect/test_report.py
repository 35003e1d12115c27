"""What a run tells on the way costs little, and does not end it."""

from __future__ import annotations

import errno
import io
import sys
import tracemalloc
from pathlib import Path

import pytest

from cv.bench.watching import bench_site
from cv.detect.frames import Frame, Source, SourceKind
from cv.detect.look import Look
from cv.detect.picture import Pixels
from cv.detect.report import Report
from cv.detect.run import Job, Progress
from cv.disk import DiskSpace
from cv.errors import SourceError
from tests.detect.clips import numbered
from tests.detect.recordings import START


@pytest.fixture
def report(tmp_path: Path) -> Report:
    site = bench_site(tmp_path)
    return Report(site, DiskSpace(tmp_path, site.disk), as_json=False, quiet=False)


def watch(report: Report, name: str, *, looks: int) -> None:
    """Tell it of a recording from its start to its end."""
    source = Source(SourceKind.RECORDING, Path(name))
    job, progress = Job(source, None), Progress(name, source.stats, float(looks))
    look = Look(Frame(Pixels(numbered(0)), START, 0.0, 0), [])
    report.started(job, progress)
    for n in range(looks):
        progress.media_s = float(n)
        report.looked(job, progress, look)
    report.ended(job, progress)


def test_recordings_that_have_ended_take_no_memory(report: Report) -> None:
    with report:
        watch(report, "first.mp4", looks=500)
        tracemalloc.start()
        try:
            for number in range(20):
                watch(report, f"{number}.mp4", looks=500)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 20 * 10_000, "bytes"


@pytest.mark.parametrize("refusal", [errno.EIO, errno.ENOSPC, errno.EPIPE])
def test_a_standard_error_that_takes_nothing_ends_no_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusal: int
) -> None:
    """Of a terminal that was closed, a log on a full disk, a reader that has gone."""

    class Refusing(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(refusal, "refused")

    monkeypatch.setattr(sys, "stderr", Refusing())
    site = bench_site(tmp_path)
    with Report(site, DiskSpace(tmp_path, site.disk), as_json=False, quiet=False) as report:
        watch(report, "one.mp4", looks=3)
        report.failed(Job(Source(SourceKind.RECORDING, Path("two.mp4")), None), SourceError("no"))
    report.close()
    assert report.failures == 1
