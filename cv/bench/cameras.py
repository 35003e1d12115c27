"""How many live cameras this machine watches: real RTSP, more and more, until looks are late."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cv.bench.rtsp import RtspServer
from cv.bench.showing import Result, Row
from cv.bench.watching import Counter, bench_site
from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.detect.batch import Batch
from cv.detect.detector import Detector
from cv.detect.frames import Source, SourceKind, SourceStats, SourceUrl
from cv.detect.run import Job, Options
from cv.errors import UserError
from cv.memory import spare_memory
from cv.site import Camera, Site

__all__ = ["Load", "Looks", "ramp", "result_of"]

_PHASES = 8
_WARM_S = 24.0
"""Until still scenes count as settled, at a look every 2 s, and so many cameras are connected."""
_LANE = ((0.06, 0.97), (0.22, 0.95), (0.38, 0.93), (0.37, 0.44), (0.36, 0.31), (0.23, 0.45))
"""Of the clip of `make demo`; nothing stands in it at first."""
_GROWTH = 1.5
_LATE = 0.02
"""Share of looks late or left out from which on there are too many cameras."""


@dataclass(frozen=True, slots=True)
class Load:
    """What so many cameras cost.

    Attributes:
        asked, made, spared, late, unchanged: looks; late ones, and those that were neither made nor
            spared, are what is too much.
        cpu_s: processor time of kerbwatch per second, in processors; the server is another process.
        look_ms: processor time per look made or spared.
        rss_mb: memory of the process.
    """

    cameras: int
    asked: int
    made: int
    spared: int
    late: int
    unchanged: int
    cpu_s: float
    look_ms: float
    rss_mb: float

    @property
    def kept_up(self) -> bool:
        return self.asked - self.made - self.spared + self.late <= _LATE * self.asked

    @property
    def per_core(self) -> float:
        """Cameras that a processor would watch at this cost, if it did nothing else."""
        return self.cameras / self.cpu_s if self.cpu_s else float("inf")


def result_of(loads: list[Load], title: str) -> Result:
    """For people and programs; a load that is too much has an exclamation mark."""
    rows = [
        Row(
            f"{load.cameras} cameras{'' if load.kept_up else '!'}",
            {
                "asked": load.asked,
                "made": load.made,
                "spared": load.spared,
                "late": load.late,
                "same": load.unchanged,
                "ms/look": load.look_ms,
                "cores": load.cpu_s,
                "per core": load.per_core,
                "RSS MB": load.rss_mb,
            },
        )
        for load in loads
    ]
    return Result(title, rows, ("per core",))


def ramp(
    clip: Path,
    detector: Detector,
    *,
    every_s: float,
    seconds: float,
    first: int,
    most: int,
    refresh_s: float,
    told: Callable[[Load], None],
) -> list[Load]:
    """Watch more and more cameras until one load is too much, or there are `most`.

    Args:
        clip: H.264 to serve in a loop.
        seconds: how long each load is measured, after a warm-up.
        refresh_s: as for a watch; 0 analyses every look.

    Raises:
        UserError: no camera gives a picture.
    """
    spare_memory()  # as `kerbwatch detect` does
    loads: list[Load] = []
    with RtspServer(clip, phases=_PHASES) as server:
        count = first
        while True:
            with _watching(server, detector, count, every_s, refresh_s) as stats:
                loads.append(_measured(stats, seconds, every_s))
            told(loads[-1])
            if not loads[-1].kept_up or count >= most:
                return loads
            count = min(most, max(count + 1, round(count * _GROWTH)))


@contextmanager
def _watching(
    server: RtspServer, detector: Detector, count: int, every_s: float, refresh_s: float
) -> Iterator[list[SourceStats]]:
    """The whole way of `kerbwatch detect` at so many cameras, cases and all, in a scrap folder."""
    with TemporaryDirectory(prefix="kerbwatch-bench-") as folder:
        site = _site(Path(folder), server, count, every_s)
        jobs = [_job(camera) for camera in site.cameras]
        stop = threading.Event()
        options = Options(tz=UTC)
        with CaseStore(Path(folder) / "cases.sqlite") as store:
            watch_of = watches(store, site, detector, options, refresh_s=refresh_s)
            batch = Batch(detector, watch_of, options, Counter(), stop)
            runner = threading.Thread(target=batch.run, args=(jobs,), name="batch")
            runner.start()
            try:
                yield [job.source.stats for job in jobs]
            finally:
                stop.set()
                runner.join()


def _measured(stats: list[SourceStats], seconds: float, every_s: float) -> Load:
    time.sleep(_WARM_S)
    before, cpu, began = _looks(stats), time.process_time(), time.monotonic()
    time.sleep(seconds)
    passed, cpu = time.monotonic() - began, time.process_time() - cpu
    looks = [after.since(then) for then, after in zip(before, _looks(stats), strict=True)]
    made = sum(look.made for look in looks)
    spared = sum(look.spared for look in looks)
    if not made:
        raise UserError(f"none of {len(stats)} cameras gave a picture in {passed:.0f} s")
    return Load(
        cameras=len(stats),
        asked=sum(look.asked(passed, every_s) for look in looks),
        made=made,
        spared=spared,
        late=sum(look.late for look in looks),
        unchanged=sum(look.unchanged for look in looks),
        cpu_s=cpu / passed,
        look_ms=1000 * cpu / (made + spared),
        rss_mb=_rss_mb(),
    )


class Looks(NamedTuple):
    """Those of one camera."""

    made: int
    spared: int
    missed: int
    late: int
    unchanged: int

    def since(self, then: Looks) -> Looks:
        return Looks(*(b - a for a, b in zip(then, self, strict=True)))

    def asked(self, passed_s: float, every_s: float) -> int:
        """How many it should have been."""
        # What never came was not missed either; by its phase a camera may be a look short.
        return max(self.made + self.spared + self.missed, int(passed_s / every_s - 1))


def _looks(stats: list[SourceStats]) -> list[Looks]:
    return [Looks(s.looks, s.spared, s.missed, s.late, s.unchanged) for s in stats]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _site(folder: Path, server: RtspServer, count: int, every_s: float) -> Site:
    site = bench_site(folder)
    (model,) = site.cameras
    zones = tuple(replace(zone, polygon=_LANE) for zone in model.zones)
    cameras = tuple(
        replace(
            model,
            id=f"camera-{n}",
            url=SourceUrl(f"{server.url}{n % _PHASES}"),
            every_s=every_s,
            zones=zones,
        )
        for n in range(count)
    )
    return replace(site, cameras=cameras, reporting=replace(site.reporting, targets=()))


def _job(camera: Camera) -> Job:
    assert camera.url is not None
    return Job(Source(SourceKind.STREAM, camera.url), camera)
