"""`kerbwatch detect`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from cv.cases.delivering import delivering
from cv.cases.opening import open_store
from cv.cases.recorder import watches
from cv.cases.store import CaseStore
from cv.cases.unwatched import unwatched_cases
from cv.detect.archive import PhotoArchive
from cv.detect.batch import Batch
from cv.detect.camera_locks import CameraLocks
from cv.detect.copy_file import Copied
from cv.detect.detector import Detector
from cv.detect.frames import SourceKind
from cv.detect.jobs import Plan, plan_jobs
from cv.detect.journal import Journal
from cv.detect.keyframes import Decode
from cv.detect.model_options import BackendOption, ModelOption, ThreadsOption
from cv.detect.report import Report
from cv.detect.resume import Resume
from cv.detect.run import Listener, Options
from cv.detect.save_video import AnnotatedCopies
from cv.disk import DiskSpace
from cv.durations import option_seconds
from cv.errors import UserError
from cv.evidence.hourly import deleting_hourly
from cv.evidence.originals import open_originals
from cv.memory import spare_memory
from cv.plausible_time import is_plausible
from cv.site import Site
from cv.site.choice import SiteOption, open_site
from cv.source_url import SourceUrl

__all__ = ["detect"]

_ALL = "all"
_INTERRUPTED = 130
"""As shells count a process that Ctrl-C ended."""


def detect(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos, folders, globs, video files, rtsp:// or http(s):// streams, or camera "
            "ids of the site file; none is all of its cameras.",
            show_default=False,
        ),
    ] = None,
    site: SiteOption = None,
    camera: Annotated[
        str | None, typer.Option(help="Camera that took the sources.", show_default=False)
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="Time between looks: 1s, 0.5s, 5m, or `all` for every frame.",
            show_default="the camera's, else 1s",
        ),
    ] = None,
    decode: Annotated[
        Decode,
        typer.Option(
            help="Frames to decode: all, keyframes (far cheaper), or auto: keyframes where they "
            "come as often as looks are asked for."
        ),
    ] = Decode.AUTO,
    keyframes: Annotated[
        bool, typer.Option("--keyframes", help="Short for --decode keyframes.")
    ] = False,
    refresh: Annotated[
        str,
        typer.Option(
            help="Analyse an unchanged view again after this time; 0s: analyse every look.",
        ),
    ] = "60s",
    patrol: Annotated[
        bool,
        typer.Option(
            "--patrol",
            help="Visit streams in turn, a key frame each, instead of staying connected; "
            "--every is the time between visits to a camera.",
        ),
    ] = False,
    start: Annotated[
        datetime | None,
        typer.Option(
            help="When a recording begins, in the site's time zone.",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            show_default="from the file",
        ),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop streams after this time.", show_default=False)
    ] = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    model: ModelOption = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for cases and evidence.", show_default="the site file's"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per change.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write results of photos there, as JSON lines, and which recordings are done; "
            "a second run with the same file goes on where the first one ended.",
            show_default=False,
        ),
    ] = None,
    save_video: Annotated[
        Path | None, typer.Option(help="Write an annotated copy: a file, or a folder.")
    ] = None,
    deliver: Annotated[bool, typer.Option(help="Deliver cases as they come up.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results only.")] = False,
) -> None:
    """Watch photos, recordings and streams; open incidents, file and deliver cases."""
    place = open_site(site, data)
    plan = plan_jobs(sources or [], place, camera, patrol=patrol)
    if patrol:
        _only_streams(plan)
        if every in (None, _ALL):  # a camera's own distance is meant for a connection that stays
            raise UserError("--patrol needs --every, the time of a round, like 10m")
    options = Options(
        every_s=option_seconds("--every", every) if every and every != _ALL else None,
        all_frames=every == _ALL,
        patrol=patrol,
        decode=Decode.KEYFRAMES if keyframes else decode,
        start=_aware(start, place, plan) if start else None,
        for_s=option_seconds("--for", duration) if duration else None,
        tz=place.tz,
    )
    refresh_s = option_seconds("--refresh", refresh, zero=True)
    notice = open_originals(place.reporting.data).notice
    files_cases = any(job.camera for job in plan.jobs)
    if notice and not quiet and files_cases:
        typer.echo(notice, err=True)
    spare_memory()
    detector = Detector(model, backend=backend, threads=threads, side_by_side=True)
    stop = threading.Event()
    space = DiskSpace(place.reporting.data, place.disk)
    with ExitStack() as stack:
        stack.enter_context(_stopped_by_signals(stop))
        journal = stack.enter_context(Journal(out, detector.info)) if out else None
        report = stack.enter_context(
            Report(place, space, as_json=json, quiet=quiet, photos=len(plan.photos), out_file=out)
        )
        listener: Listener = report
        copied: Copied | None = None
        if save_video:
            copies = AnnotatedCopies(save_video, place, detector, plan, report)
            listener, copied = stack.enter_context(copies), copies.has
        store = stack.enter_context(open_store(place))
        if files_cases:
            stack.enter_context(_cases_seen_to(store, place, deliver=deliver))

        PhotoArchive(
            detector,
            place.codes,
            listener,
            stop,
            journal=journal,
            copied=copied,
            places=detector.streams,
        ).run(plan.photos)
        settings = (place.rules, replace(options, for_s=None), refresh_s)
        resume = Resume(journal, settings, copied) if journal else None
        live = any(job.camera and job.source.kind is SourceKind.STREAM for job in plan.jobs)
        watch_of = watches(store, place, detector, options, refresh_s=refresh_s)
        locks = stack.enter_context(CameraLocks(place.reporting.data)) if live else None
        batch = Batch(detector, watch_of, options, listener, stop, resume=resume, locks=locks)
        batch.run(plan.jobs)
    report.close()
    if batch.left:
        count = f"{batch.left} recording{'' if batch.left == 1 else 's'}"
        typer.echo(f"stopped: {count} not watched to the end", err=True)
    if batch.left or report.photos_left:
        raise typer.Exit(_INTERRUPTED)
    if report.failures:
        raise typer.Exit(1)


@contextmanager
def _cases_seen_to(store: CaseStore, place: Site, *, deliver: bool) -> Iterator[None]:
    """Cases are delivered and deleted meanwhile, and those that nobody will end are named."""
    for line in unwatched_cases(store.database, place):
        typer.echo(f"warning: {line}", err=True)
    with ExitStack() as stack:
        if deliver:
            stack.enter_context(delivering(store, place))
        stack.enter_context(deleting_hourly(place, store.database))
        yield


def _only_streams(plan: Plan) -> None:
    recordings = (j.source.name for j in plan.jobs if j.source.kind is not SourceKind.STREAM)
    file = next(chain(plan.photos, recordings), None)
    if file is not None:
        raise UserError(f"{file}: --patrol visits streams, this is a file")


def _aware(start: datetime, site: Site, plan: Plan) -> datetime:
    recordings = [
        job
        for job in plan.jobs
        if not isinstance(job.source.uri, SourceUrl) or job.source.uri.scheme in ("http", "https")
    ]
    if len(recordings) > 1:
        raise UserError(
            f"--start is when one recording begins, and there are {len(recordings)}; "
            "give them one by one, or names like gate_20260314_153000.mp4"
        )
    if not is_plausible(start, datetime.now(UTC)):
        raise UserError(f"--start {start.isoformat()}: no recording began then")
    return start if start.tzinfo is not None else start.replace(tzinfo=site.tz)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or closed terminal ends the run in order; a second one at once.

    By nohup a closed terminal stays ignored. Ctrl-C does not where a script's `&` ignores it: who
    sends that signal to such a run means it.
    """

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
