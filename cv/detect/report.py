"""What a person, or a program, sees of a run: progress lines, JSON lines, the closing table."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, TextIO, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table

from cv.aside import Aside
from cv.detect.archive import photo_document
from cv.detect.detector import Detection
from cv.detect.disk_fault import DiskFault
from cv.detect.evidence import span
from cv.detect.frames import SourceKind
from cv.detect.incident import Change
from cv.detect.incident_table import IncidentTable, code_of, name_of
from cv.detect.look import Filing, Look
from cv.detect.pace import Pace
from cv.detect.photo import Photo
from cv.detect.run import Job, Progress
from cv.detect.tally import PhotoTally
from cv.detect.view_fault import ViewFaults
from cv.disk import DiskSpace
from cv.errors import KerbwatchError
from cv.labels import LABEL_NAMES_ZH
from cv.plain_text import printable_line
from cv.site import Camera, Site
from cv.tables import plain_table

__all__ = ["Report", "change_document"]

_STATES = {"new": "open", "updated": "updated", "cleared": "cleared"}


def change_document(site: Site, filing: Filing) -> dict[str, Any]:
    """One incident change as `kerbwatch detect --json` prints it (docs/how-to-watch.md, Output)."""
    change, incident = filing.change, filing.change.incident
    code = code_of(site, incident)

    def local(time: datetime | None) -> str | None:
        return time.astimezone(site.tz).isoformat(timespec="milliseconds") if time else None

    return {
        "id": incident.id,
        "state": _STATES[change.event],
        "matter": str(incident.matter),
        "code": code.code5,
        "label": incident.label,
        "camera": incident.camera,
        "zone": incident.zone,
        "first_seen": local(incident.first_seen),
        "confirmed_at": local(incident.confirmed_at),
        "last_seen": local(incident.last_seen),
        "cleared_at": local(incident.cleared_at),
        "box": [round(edge, 1) for edge in incident.box],
        "score": round(incident.score, 3),
        "looks": incident.looks,
        "evidence": [str(site.reporting.data / item.file) for item in filing.evidence if item.file],
    }


class Report:
    """Listens to a batch. Progress goes to stderr, results to stdout.

    Args:
        site: for names, codes and times.
        as_json: one JSON object a line instead of tables.
        photos: how many there are to look at.
        out_file: takes the results of photos instead of stdout.
        space: of the data folder.
    """

    def __init__(
        self,
        site: Site,
        space: DiskSpace,
        *,
        as_json: bool,
        quiet: bool,
        photos: int = 0,
        out_file: Path | None = None,
        out: TextIO | None = None,
    ) -> None:
        self._site = site
        self._json = as_json
        self._quiet = quiet
        self._out = out or sys.stdout
        self._console = Console(file=cast(TextIO, Aside(sys.stderr)))
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._photos = PhotoTally(photos, out_file)
        self._photo_bar: TaskID | None = None
        self._tasks: dict[int, TaskID] = {}
        self._incidents = IncidentTable(site)
        self._unzoned: dict[str, int] = {}
        self._views = ViewFaults(site.tz)
        self._pace = Pace()
        self._disk = DiskFault(space, site.tz)
        self.failures = 0

    def __enter__(self) -> Report:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, job: Job, progress: Progress) -> None:
        if job.source.kind is SourceKind.STREAM:
            self._pace.sources[job.camera.id if job.camera else job.source.name] = progress.stats
        self._tasks[id(progress)] = self._bars.add_task(
            escape(progress.name), total=progress.duration_s, counts=""
        )

    def looked(self, job: Job, progress: Progress, look: Look) -> None:
        if self._json and (fault := self._disk.news()) is not None:
            self._line(fault)
        if not self._json:
            for incident in look.open:
                self._incidents.take(incident)
        if job.camera:
            self._tell_view(job.camera, look)
        self._bars.update(
            self._tasks[id(progress)], completed=progress.media_s, counts=_counts(progress)
        )
        if (warning := self._pace.warning()) is not None:
            self._console.print(warning, style="yellow", highlight=False, soft_wrap=True)

    def changed(self, job: Job, filing: Filing) -> None:
        if self._json:
            self._line(change_document(self._site, filing))
        else:
            self._incidents.take(filing.change.incident)
            self._say(self._sentence(filing.change))

    def _tell_view(self, camera: Camera, look: Look) -> None:
        """The camera was bumped, is blind, or is back: said whatever `--quiet` asks."""
        for document, line in self._views.news(camera.id, look.fault, look.frame.time):
            if self._json:
                self._line(document)
            self._console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None:
        self._photos.done += 1
        self._show_photos()
        if self._photos.file:
            return
        document = photo_document(job.source.name, photo, detections, self._site.codes)
        if self._json:
            self._line(document)
            return
        counts = Counter(detection.label for detection in detections)
        seen = ", ".join(f"{n} {label}" for label, n in counts.items()) or "nothing"
        maybe = "; ".join(
            f"{s['name_zh']} {s['name_en']} ({s['code5']})" for s in document["suggestions"]
        )
        self._print(f"{job.source.name}: {seen}{' → ' + maybe if maybe else ''}")

    def skipped(self, job: Job) -> None:
        if job.source.kind is SourceKind.PHOTO:
            self._photos.skipped += 1
            self._show_photos()
        else:
            self._say(escape(f"{job.source.name}: done before"))

    def failed(self, job: Job, error: KerbwatchError) -> None:
        self.failures += 1
        if job.source.kind is SourceKind.PHOTO:
            self._photos.failed += 1
            self._show_photos()
        if self._json:
            self._line({"source": job.source.name, "failure": str(error)})
        line = _printable(f"error: {error}")
        self._console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)

    def ended(self, job: Job, progress: Progress) -> None:
        # A bar keeps its last half minute, 70 kB, and is drawn anew ten times a second.
        self._bars.remove_task(self._tasks.pop(id(progress)))
        self._say(escape(f"{progress.name}: {_counts(progress)}"))
        if job.camera is None or not job.camera.zones:
            for label, count in progress.labels.items():
                self._unzoned[label] = self._unzoned.get(label, 0) + count

    @property
    def photos_left(self) -> int:
        """Photos that nobody has come to."""
        return self._photos.total - self._photos.behind

    def close(self) -> None:
        """Print what came of it: counts, and the closing table unless a program is reading."""
        if self._photos.total:
            there = f" → {self._photos.file}" if self._photos.file else ""
            self._say(escape(f"photos: {self._photos}{there}"))
        if self.failures > 1:
            self._say(f"[red]{self.failures} sources failed[/red]")
        if self._pace.sources and not self._quiet:
            self._console.print(self._pace.table())
        if self._json:
            return
        console = Console(file=self._out)
        if self._unzoned:
            console.print(_label_table(self._unzoned))
            console.print(
                "Without a camera with zones nothing can be an incident. "
                "Write a site file with `kerbwatch site init` and give it with --site."
            )
        if self._incidents:
            console.print(self._incidents.table())
            console.print(f"Evidence: {self._site.reporting.data / 'evidence'}", soft_wrap=True)

    def _show_photos(self) -> None:
        if self._bars.disable:
            return
        if self._photo_bar is None:
            self._photo_bar = self._bars.add_task("photos", total=self._photos.total, counts="")
        counts = str(self._photos)
        self._bars.update(self._photo_bar, completed=self._photos.behind, counts=counts)

    def _line(self, document: dict[str, Any]) -> None:
        self._print(json.dumps(document, ensure_ascii=False))

    def _print(self, line: str) -> None:
        try:
            print(_printable(line), file=self._out, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:  # a full disk
            raise KerbwatchError(f"standard output: {error.strerror}") from error

    def _say(self, line: str) -> None:
        """A line of progress, with rich's markup."""
        if not self._quiet:
            self._console.print(_printable(line), highlight=False, soft_wrap=True)

    def _sentence(self, change: Change) -> str:
        incident, name = change.incident, name_of(self._site, change.incident)
        local = (incident.cleared_at or incident.last_seen).astimezone(self._site.tz)
        return (
            f"{local:%H:%M:%S} [bold]{_STATES[change.event]}[/bold] {name} "
            f"{incident.label} in {escape(incident.camera)}/{escape(incident.zone)}, "
            f"there for {span(incident.dwell_s)} ({incident.id})"
        )


def _printable(text: str) -> str:
    """A file's name may be no UTF-8 (GBK, say), or two lines: what is odd is shown as escapes."""
    return printable_line(text).encode("utf-8", "backslashreplace").decode()


def _counts(progress: Progress) -> str:
    wall = max(1e-6, monotonic() - progress.began)
    stats = progress.stats
    parts = [
        f"{stats.decoded} frames",
        f"{stats.looks} looks",
        f"{stats.looks / wall:.1f} looks/s",
        f"{progress.media_s / wall:.1f}x real time",
        f"{progress.incidents} incident{'' if progress.incidents == 1 else 's'}",
    ]
    if stats.unchanged:
        parts.append(f"{stats.unchanged} unchanged")
    if stats.spared:
        parts.append(f"{stats.spared} spared")
    if stats.late or stats.missed:
        parts.append(f"{stats.late} late, {stats.missed} left out")
    if stats.corrupt:
        parts.append(f"{stats.corrupt} corrupt")
    if stats.reconnects:
        parts.append(f"{stats.reconnects} reconnects")
    return " · ".join(parts)


def _label_table(labels: dict[str, int]) -> Table:
    table = plain_table("label", "", "seen in looks", title="Objects")
    for label, count in sorted(labels.items(), key=lambda item: -item[1]):
        table.add_row(label, LABEL_NAMES_ZH.get(label, ""), str(count))
    return table
