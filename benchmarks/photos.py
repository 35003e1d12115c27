"""The photo service under load: many phones at once, against decoding and inference alone.

    python benchmarks/photos.py [--reports] [--clients 50] [--seconds 600] [--json FILE]
                                [--plot FILE]

Starts `kerbwatch serve` and sends it 12-megapixel JPEGs of about 3 MB from so many clients, each
waiting for its answer before it sends again, and as long as `Retry-After` says after a 503. Clients
and service share the machine. Before and after, the same pictures are decoded and looked at without
any service, by as many threads as it has workers: `ratio` is the service's rate over that.

With `--reports` the clients are citizens: every picture is another one somewhere in the city, goes
to `/v1/photos` with its place, and every second one asks for a case.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import numpy as np

from cv.bench.photos import PHOTOS, jpeg
from cv.bench.showing import machine
from cv.detect.archive import ENOUGH, detect_in_photo
from cv.detect.detector import Detector
from cv.detect.photo import decode_photo
from serve.detect import DETECT
from serve.photos import PHOTOS as PHOTOS_ROUTE

COMMAND = Path(sys.executable).with_name("kerbwatch")
SETTLING_S = 5.0
"""The first seconds count for nothing: all clients begin at once."""


@dataclass
class Load:
    """`answers` are (seconds since the start, seconds that it took) of accepted pictures."""

    answers: list[tuple[float, float]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    rss_mb: list[tuple[float, float]] = field(default_factory=list)
    reports: int = 0


@dataclass(frozen=True)
class Outcome:
    clients: int
    seconds: float
    p50_s: float
    p95_s: float
    p99_s: float
    per_s: float
    alone_per_s: tuple[float, float]
    ratio: float
    statuses: dict[str, int]
    busy_share: float
    rss_mb_first_and_last_fifth: tuple[float, float]
    rss_mb_peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", action="store_true", help="to /v1/photos, not /v1/detect")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--alone", type=float, help="seconds of each measurement alone")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, help="as of kerbwatch serve")
    parser.add_argument("--queue", type=int, help="as of kerbwatch serve")
    options = parser.parse_args()
    if options.seconds <= SETTLING_S:
        parser.error(f"--seconds: more than {SETTLING_S:g}; the first {SETTLING_S:g} do not count")
    picture = jpeg(PHOTOS[0])
    alone_s = options.alone or max(5.0, options.seconds / 20)
    before = alone(picture, options.workers, options.threads, alone_s)
    load = asyncio.run(measured(picture, options))
    after = alone(picture, options.workers, options.threads, alone_s)
    outcome = summed(load, (before, after), options)
    document = {"machine": machine(), **asdict(outcome)}
    print(json.dumps(document, indent=1, ensure_ascii=False))
    if options.json:
        series = {"answers": load.answers, "rss_mb": load.rss_mb}
        options.json.write_text(json.dumps({**document, "series": series}), encoding="utf-8")
    if options.plot:
        draw(load, outcome, options.plot)


def alone(picture: bytes, workers: int, threads: int | None, seconds: float) -> float:
    """Pictures a second without a service."""
    detector = Detector(threads=threads)
    detector.warm_up()

    def work(until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            detect_in_photo(detector, decode_photo(picture, enough=ENOUGH))
            count += 1
        return count

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [time.perf_counter() + 1] * workers))
        began = time.perf_counter()
        done = sum(pool.map(work, [began + seconds] * workers))
        return done / (time.perf_counter() - began)


async def measured(picture: bytes, options: argparse.Namespace) -> Load:
    command = [str(COMMAND), "serve", "--port", "0", "--rate", "0"]
    for name in ("workers", "threads", "queue"):
        value = getattr(options, name)
        command += [f"--{name}", str(value)] if value is not None else []
    with TemporaryDirectory(prefix="kerbwatch-load-") as folder:
        return await measured_in(Path(folder), command, picture, options)


async def measured_in(
    folder: Path, command: list[str], picture: bytes, options: argparse.Namespace
) -> Load:
    """In a folder of its own, where the cases are."""
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert service.stderr is not None
    try:
        found = re.search(r"http://\S+", service.stderr.readline())
        assert found, "the service did not start"
        load = Load()
        await ready(found[0])
        began = time.perf_counter()
        watching = asyncio.create_task(watch(service.pid, load, began))
        clients = (client(found[0], picture, load, began, options) for _ in range(options.clients))
        await asyncio.gather(*clients)
        watching.cancel()
        return load
    finally:
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=40)


async def ready(address: str) -> None:
    async with httpx2.AsyncClient(base_url=address) as asking:
        while True:
            try:
                if (await asking.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)


async def client(
    address: str, picture: bytes, load: Load, began: float, options: argparse.Namespace
) -> None:
    async with httpx2.AsyncClient(base_url=address, timeout=60) as sending:
        while time.perf_counter() - began < options.seconds:
            request = report(picture, load) if options.reports else {"content": picture}
            headers = None if options.reports else {"content-type": "image/jpeg"}
            sent = time.perf_counter()
            try:
                answer = await sending.post(
                    PHOTOS_ROUTE if options.reports else DETECT, **request, headers=headers
                )
            except httpx2.TransportError as error:
                load.statuses[type(error).__name__] += 1
                continue
            at = time.perf_counter()
            load.statuses[str(answer.status_code)] += 1
            if answer.status_code == 200:
                load.answers.append((at - began, at - sent))
            else:
                await asyncio.sleep(float(answer.headers.get("retry-after", "1")))


def report(picture: bytes, load: Load) -> dict[str, Any]:
    """One citizen's form: a picture that nobody has sent, from some place in Wuhan."""
    load.reports += 1
    note = b"report %d" % load.reports
    comment = b"\xff\xfe" + (len(note) + 2).to_bytes(2) + note
    east, north = load.reports % 100, load.reports // 100 % 100
    return {
        "files": {"image": ("photo.jpg", picture[:2] + comment + picture[2:], "image/jpeg")},
        "data": {
            "lon": f"{114.2 + east / 500:.4f}",
            "lat": f"{30.5 + north / 500:.4f}",
            "report": "true" if load.reports % 2 else "false",
        },
    }


async def watch(pid: int, load: Load, began: float) -> None:
    """Resident memory of the service, once a second (Linux)."""
    while True:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        load.rss_mb.append((time.perf_counter() - began, pages * 4096 / 1e6))
        await asyncio.sleep(1)


def summed(load: Load, alone_per_s: tuple[float, float], options: argparse.Namespace) -> Outcome:
    settled = [(at, took) for at, took in load.answers if SETTLING_S <= at <= options.seconds]
    if not settled:
        sys.exit(f"error: no picture was answered in time; statuses: {dict(load.statuses)}")
    p50, p95, p99 = np.percentile([took for _, took in settled], (50, 95, 99))
    per_s = len(settled) / (options.seconds - SETTLING_S)
    rss = [mb for _, mb in load.rss_mb]
    fifth = max(1, len(rss) // 5)
    return Outcome(
        clients=options.clients,
        seconds=options.seconds,
        p50_s=round(float(p50), 3),
        p95_s=round(float(p95), 3),
        p99_s=round(float(p99), 3),
        per_s=round(per_s, 2),
        alone_per_s=(round(alone_per_s[0], 2), round(alone_per_s[1], 2)),
        ratio=round(per_s / (sum(alone_per_s) / 2), 3),
        statuses=dict(load.statuses),
        busy_share=round(load.statuses["503"] / load.statuses.total(), 3),
        rss_mb_first_and_last_fifth=(
            round(float(np.median(rss[:fifth])), 1),
            round(float(np.median(rss[-fifth:])), 1),
        ),
        rss_mb_peak=round(max(rss), 1),
    )


def draw(load: Load, outcome: Outcome, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    upper.plot(*zip(*load.answers, strict=True), ".", markersize=2)
    upper.axhline(outcome.p95_s, color="tab:red", label=f"p95 {outcome.p95_s:.2f} s")
    upper.set_ylabel("seconds to the answer")
    upper.legend()
    lower.plot(*zip(*load.rss_mb, strict=True))
    lower.set_ylim(bottom=0)
    lower.set_ylabel("resident memory, MB")
    lower.set_xlabel("seconds")
    title = f"{outcome.clients} clients, {outcome.per_s} pictures/s, ratio {outcome.ratio}"
    upper.set_title(title, fontsize=10, loc="left")
    figure.savefig(file, dpi=90)


if __name__ == "__main__":
    main()
