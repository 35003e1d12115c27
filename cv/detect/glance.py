"""Looks at sources that no camera of the site took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cv.detect.detector import Detection, Detector
from cv.detect.frames import Frame
from cv.detect.look import Begun, CatchUp, Detect, Done, Filing, Look, nothing_begun
from cv.detect.picture import Picture
from cv.detect.view import Shown

__all__ = ["Glance", "Watching"]


class Watching(Protocol):
    """Makes looks of one source's frames: a `CameraWatch`, or a `Glance`."""

    @property
    def recorded_until(self) -> datetime | None:
        """Time of the last look that an earlier run recorded."""
        ...

    def detect(self, picture: Picture) -> list[Detection]: ...

    def begin(self, frame: Frame, detect: Detect, catch_up: CatchUp = ...) -> Begun: ...

    def finish(self, begun: Begun) -> Look: ...

    def look(self, frame: Frame) -> Look: ...

    def close(self) -> Sequence[Filing]: ...


class Glance:
    """Looks at what no camera of the site took: detections, no zones, no incidents."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def recorded_until(self) -> datetime | None:
        return None

    def detect(self, picture: Picture) -> list[Detection]:
        return self._detector.detect_in(picture)

    def begin(self, frame: Frame, detect: Detect, catch_up: CatchUp = nothing_begun) -> Begun:
        return Begun(frame, detect(frame.picture), Shown.HERE)

    def finish(self, begun: Begun) -> Look:
        return Look(begun.frame, begun.found.result() if begun.found else [])

    def look(self, frame: Frame) -> Look:
        return self.finish(self.begin(frame, lambda picture: Done(self.detect(picture))))

    def close(self) -> Sequence[Filing]:
        """Nothing is kept."""
        return ()
