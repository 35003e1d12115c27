"""Archives: a folder of photos, and a recording of an hour, against their parts alone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import av
import cv2
import numpy as np

from cv.bench.clip import looped
from cv.bench.photos import PHOTOS, jpeg
from cv.bench.showing import Result, Row
from cv.bench.timing import by_turns, ratio
from cv.bench.watching import Counter, bench_site, watch_recording
from cv.detect.archive import PhotoArchive
from cv.detect.detector import Detector
from cv.detect.journal import Journal
from cv.detect.letterbox import SQUARE, input_shape
from cv.errors import UserError

__all__ = ["keyframe_times_s", "looks_alone", "measure_photo_folder", "measure_recording"]

_ROUNDS = 5


def measure_photo_folder(detector: Detector, bare: Detector, folder: Path, count: int) -> Result:
    """Photos per second of a folder of 12 MP photos, results written, in five parts by turns with
    a plain loop: read, decode all pixels, run the session.

    Args:
        bare: for the loop; all cores for one picture.
    """
    parts = _photo_parts(folder, count)
    site = bench_site(folder)
    ready = np.full((1, *SQUARE, 3), 114, np.uint8)
    turns = {"archive": iter(parts), "alone": iter(parts)}

    def archive() -> None:
        part = next(turns["archive"])
        counter = Counter()
        with Journal(folder / "results.jsonl", detector.info) as journal:
            stop = threading.Event()
            PhotoArchive(detector, site.codes, counter, stop, journal=journal).run(part)
        if counter.photos != len(part):
            raise UserError(f"{folder}: {counter.photos} of {len(part)} photos gave an answer")

    def alone() -> None:
        for path in next(turns["alone"]):
            cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_COLOR_BGR)
            bare._backend.infer(ready)

    detector.warm_up()
    bare.warm_up()
    times = by_turns({"archive": archive, "alone": alone}, rounds=len(parts))
    return _result(f"{count} photos of 12 MP", "photos/s", times, [len(part) for part in parts])


def measure_recording(
    detector: Detector, bare: Detector, clip: Path, folder: Path, seconds: float, *, rounds: int
) -> Result:
    """Looks per second over a long recording, one look a keyframe, incidents and all, by turns
    with nothing but decoding its keyframes and running the session.
    """
    long = looped(clip, folder / "long.mp4", seconds)
    every_s = keyframe_times_s(long)
    looks = []
    detector.warm_up()
    bare.warm_up()

    def watched() -> None:
        data = folder / f"data{time.monotonic_ns()}"
        looks.append(watch_recording(long, detector, every_s=every_s, data=data))

    alone_looks = looks_alone(long, bare, count_only=True)
    ways = {"kerbwatch": watched, "alone": lambda: looks_alone(long, bare)}
    times = by_turns(ways, rounds=rounds)
    if abs(looks[0] - alone_looks) > 1 + 0.02 * alone_looks:
        raise UserError(f"{clip}: {looks[0]} looks, but {alone_looks} keyframes")
    title = f"A recording of {seconds:.0f} s, a look every {every_s:g} s"
    return _result(title, "looks/s", times, [alone_looks] * len(times["alone"]))


def looks_alone(clip: Path, detector: Detector, *, count_only: bool = False) -> int:
    """Decode the keyframes, run the bare session once for each, and nothing else."""
    count = 0
    ready: np.ndarray | None = None
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        video.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(video):
            count += 1
            if ready is None:
                ready = np.full((1, *input_shape(frame.width, frame.height), 3), 114, np.uint8)
            if not count_only:
                detector._backend.infer(ready)
    return count


def keyframe_times_s(clip: Path) -> float:
    """Median distance of keyframes, read from the first minutes without decoding.

    Raises:
        UserError: it has fewer than two.
    """
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        packets = islice(container.demux(video), 10_000)
        keys = [p.pts for p in packets if p.is_keyframe and p.pts is not None]
        if len(keys) < 2 or not video.time_base:
            raise UserError(f"{clip}: has fewer than two keyframes")
        return round(float(np.median(np.diff(keys)) * video.time_base), 3)


def _photo_parts(folder: Path, count: int) -> list[list[str]]:
    """Photos as a folder of links to two files, so that thousands need no space of their own."""
    contents = [jpeg(kind) for kind in PHOTOS[:2]]
    originals = []
    for number, content in enumerate(contents):
        file = folder / f"original{number}.jpg"
        file.write_bytes(content)
        originals.append(file)
    paths = []
    (folder / "photos").mkdir(exist_ok=True)
    for number, original in enumerate(islice(cycle(originals), count)):
        link = folder / f"photos/{number:06}.jpg"
        os.link(original, link)
        paths.append(str(link))
    rounds = min(_ROUNDS, count)
    return [paths[n::rounds] for n in range(rounds)]


def _result(title: str, unit: str, times: dict[str, list[float]], counts: Sequence[int]) -> Result:
    rows = [
        Row(name, {unit: sum(counts) / sum(seconds), "ratio": ratio(times["alone"], seconds)})
        for name, seconds in times.items()
    ]
    return Result(f"{title}, {unit}", rows, (unit,))
