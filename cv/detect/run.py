"""A run over many sources: what is asked of it, and who is told what happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from time import monotonic
from typing import Protocol

from cv.detect.detector import Detection
from cv.detect.frames import Source, SourceKind, SourceStats, SourceUrl
from cv.detect.keyframes import Decode
from cv.detect.look import Filing, Look
from cv.detect.photo import Photo
from cv.errors import KerbwatchError
from cv.site import Camera

__all__ = ["Job", "Listener", "Options", "Progress"]

_USUAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to look.

    Attributes:
        every_s: seconds between looks, at every camera; None is each camera's own, else 1 s.
        all_frames: look at every frame instead.
        patrol: visit streams in turn, a look each, instead of staying connected.
        start: when recordings begin, if known better than by the file.
        for_s: end streams after this many seconds; None is until stopped.
        tz: the zone of times in file names.
    """

    every_s: float | None = None
    all_frames: bool = False
    decode: Decode = Decode.AUTO
    patrol: bool = False
    start: datetime | None = None
    for_s: float | None = None
    tz: tzinfo = UTC

    def every_for(self, camera: Camera | None) -> float | None:
        """Seconds between looks at a camera; None is every frame."""
        if self.all_frames:
            return None
        return self.every_s or (camera and camera.every_s) or _USUAL_S


@dataclass(frozen=True, slots=True)
class Job:
    """A source and the camera that took it; without one there are no zones, so no incidents.

    Attributes:
        main: the main stream of the same view, where the source is a sub-stream.
    """

    source: Source
    camera: Camera | None
    main: SourceUrl | None = None

    @property
    def line_of_time(self) -> str:
        """Wall and media time of one camera must not mix; an http address may be either."""
        if self.source.kind is SourceKind.RECORDING:
            return "recording"
        return "live" if self.source.name.startswith("rtsp") else "http"


@dataclass(slots=True)
class Progress:
    """How far one source is; `media_s` and `duration_s` in seconds of media time."""

    name: str
    stats: SourceStats
    duration_s: float | None = None
    media_s: float = 0.0
    incidents: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)


class Listener(Protocol):
    """Is told what happens, one call at a time."""

    def started(self, job: Job, progress: Progress) -> None: ...

    def looked(self, job: Job, progress: Progress, look: Look) -> None: ...

    def changed(self, job: Job, filing: Filing) -> None: ...

    def photo(self, job: Job, photo: Photo, detections: Sequence[Detection]) -> None: ...

    def skipped(self, job: Job) -> None: ...

    def failed(self, job: Job, error: KerbwatchError) -> None: ...

    def ended(self, job: Job, progress: Progress) -> None: ...
