"""`kerbwatch bench`: infer, photos, archive, cameras."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cv.bench.archive import measure_photo_folder, measure_recording
from cv.bench.cameras import Load, ramp, result_of
from cv.bench.clip import cached_clip, camera_clip, readable, sample_clip
from cv.bench.infer import measure_infer
from cv.bench.photos import measure_photos
from cv.bench.rtsp import why_no_rtsp_server
from cv.bench.showing import drawable, show
from cv.bench.watching import load_detector
from cv.detect.detector import Detector
from cv.detect.model_options import BackendOption, ModelOption, ThreadsOption
from cv.durations import option_seconds
from cv.errors import UserError

__all__ = ["archive", "cameras", "infer", "photos"]

Quick = Annotated[bool, typer.Option("--quick", help="Fewer rounds, smaller inputs.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Plot = Annotated[
    Path | None,
    typer.Option(help="Draw a plot there, as PNG.", show_default=False, callback=drawable),
]


def infer(
    *,
    model: ModelOption = None,
    threads: ThreadsOption = None,
    quick: Quick = False,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """The detector against its bare session, each backend and input shape (推理).

    `share` is the bare session's time over the detector's, letterbox and thresholds counted in.
    """
    result = measure_infer(model, threads, rounds=10 if quick else 60)
    show([result], as_json=json, plot=plot)


def photos(
    *,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    quick: Quick = False,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Phone photos from bytes to answer, against decoding and inference alone (照片)."""
    detector = Detector(model, backend=backend, threads=threads)
    show([measure_photos(detector, rounds=5 if quick else 30)], as_json=json, plot=plot)


def archive(
    *,
    count: Annotated[
        int | None, typer.Option("--photos", min=1, help="How many.", show_default="2000")
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(help="Recording to loop.", show_default="the clip of `make demo`"),
    ] = None,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    quick: Quick = False,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """A folder of photos and an hour of recording, against their parts alone (归档)."""
    source = readable(clip or sample_clip())
    detector = load_detector(model, backend=backend, threads=threads)
    bare = Detector(model, backend=detector.backend, threads=threads)
    with tempfile.TemporaryDirectory(prefix="kerbwatch-bench-") as folder:
        place = Path(folder)
        # The recording first: there a clip of which none can be made is noticed.
        recording = measure_recording(
            detector, bare, source, place, 60 if quick else 3600, rounds=2 if quick else 3
        )
        folder_of_photos = measure_photo_folder(
            detector, bare, place, count or (12 if quick else 2000)
        )
    show([folder_of_photos, recording], as_json=json, plot=plot)


def cameras(
    *,
    first: Annotated[int, typer.Option(min=1, help="Cameras to begin with.")] = 4,
    most: Annotated[int, typer.Option(min=1, help="Cameras to end with.")] = 400,
    every: Annotated[str, typer.Option(help="Time between looks.")] = "2s",
    gop: Annotated[int, typer.Option(min=1, help="Frames from key frame to key frame.")] = 50,
    height: Annotated[
        int, typer.Option(min=90, max=2160, help="Lines of a picture, 16:9; a sub-stream has few.")
    ] = 1080,
    seconds: Annotated[int, typer.Option(min=1, help="How long each load is measured.")] = 30,
    still: Annotated[
        bool, typer.Option("--still", help="Scenes in which nothing moves, but for noise.")
    ] = False,
    clip: Annotated[
        Path | None,
        typer.Option(help="Scene to send, re-encoded.", show_default="the clip of `make demo`"),
    ] = None,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Live RTSP cameras from a local server, more and more until looks are late (直播).

    Busy scenes are analysed at every look. The server's own work is not counted, but it takes part
    of the same machine: `per core` says what a processor would watch that did nothing else.
    """
    source, every_s = readable(clip or sample_clip()), option_seconds("--every", every)
    if most < first:
        raise UserError(f"--most {most}: fewer than --first {first}")
    if every_s > seconds:
        raise UserError(f"--every {every}: longer than --seconds {seconds} leave no look to count")
    if missing := why_no_rtsp_server():
        raise UserError(f"no RTSP server to measure with: {missing}")
    detector = load_detector(model, backend=backend, threads=threads)
    kind = f"{height}p-gop{gop}{'-still' if still else ''}"
    sent = cached_clip(source, kind)
    if not sent.exists():
        size = (height * 16 // 18 * 2, height // 2 * 2)
        camera_clip(source, sent, seconds=max(8, 4 * gop // 25), size=size, gop=gop, still=still)

    def told(load: Load) -> None:
        typer.echo(f"{load.cameras} cameras: {load.look_ms:.1f} ms of CPU a look", err=True)

    loads = ramp(
        sent,
        detector,
        every_s=every_s,
        seconds=seconds,
        first=first,
        most=most,
        refresh_s=60.0 if still else 0.0,
        told=told,
    )
    kind = "still" if still else "busy"
    title = f"Live {height}p25, GOP {gop}, a look every {every}, {kind} scenes, {detector.backend}"
    show([result_of(loads, title)], as_json=json, plot=plot)
