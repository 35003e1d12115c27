"""What a run tells on the way costs little, and does not end it."""

from __future__ import annotations

import errno
import io
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from cv.bench.watching import bench_site
from cv.detect.frames import Frame, Source, SourceKind
from cv.detect.incident import Change
from cv.detect.look import Filing, Look
from cv.detect.picture import Pixels
from cv.detect.report import Report
from cv.detect.run import Job, Progress
from cv.disk import DiskSpace
from cv.errors import SourceError
from tests.detect.clips import numbered
from tests.detect.recordings import START
from tests.detect.test_watch import INCIDENT


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


def test_incidents_that_ended_long_ago_take_no_memory_but_are_counted(tmp_path: Path) -> None:
    site, out = bench_site(tmp_path), io.StringIO()
    report = Report(site, DiskSpace(tmp_path, site.disk), as_json=False, quiet=True, out=out)
    (camera,) = site.cameras
    job = Job(Source(SourceKind.RECORDING, Path("year.mp4")), camera)
    lasting = replace(INCIDENT, id="kw-lasting", camera=camera.id, zone=camera.zones[0].id)
    report.changed(job, Filing(Change("new", lasting), ()))
    for number in range(1500):
        ended = replace(lasting, id=f"kw-{number:08}", state="cleared", cleared_at=START)
        report.changed(job, Filing(Change("cleared", ended), ()))
    report.close()
    first, *rows = [line for line in out.getvalue().splitlines() if line.strip()][3:]
    shown = [row.split()[0] for row in rows if row.startswith("kw-")]
    assert first.strip() == "501 before"
    assert shown == ["kw-lasting", *(f"kw-{number:08}" for number in range(501, 1500))]


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
