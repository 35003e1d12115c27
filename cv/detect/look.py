"""A look: one frame analysed, in two halves, and what it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cv.detect.detector import Detection
from cv.detect.evidence import EvidenceFile
from cv.detect.frames import Frame
from cv.detect.incident import Change, Incident
from cv.detect.picture import Picture
from cv.detect.view import Shown, ViewFault

__all__ = ["Begun", "CatchUp", "Detect", "Done", "Filing", "Found", "Look", "nothing_begun"]


class Filing(NamedTuple):
    """An incident's change with its pictures: what becomes, or updates, a case.

    Attributes:
        beside: ids that the same watch has given out: what has another of them is another thing.
    """

    change: Change
    evidence: tuple[EvidenceFile, ...]
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw and changed.

    Attributes:
        open: the incidents open after it.
        fault: what is wrong with what the camera shows; its zones are suspended meanwhile.
        unchanged: the detections are those of an earlier picture, from which nothing has changed.
        is_still: nor does anything wait for the next look, which may be left out.
    """

    frame: Frame
    detections: list[Detection]
    filings: list[Filing] = field(default_factory=list)
    open: list[Incident] = field(default_factory=list)
    fault: ViewFault | None = None
    unchanged: bool = False
    is_still: bool = False


class Found(Protocol):
    """Detections that may still be in the making, as a `concurrent.futures.Future` of them."""

    def result(self) -> list[Detection]: ...


@dataclass(frozen=True, slots=True)
class Done:
    """Detections that are there already."""

    detections: list[Detection]

    def result(self) -> list[Detection]:
        return self.detections


Detect = Callable[[Picture], Found]
"""Begins to look for objects in a picture."""
CatchUp = Callable[[], None]
"""Finishes the looks that were begun before."""


def nothing_begun() -> None:
    """Looks are finished one by one."""


class Begun(NamedTuple):
    """A look that has begun.

    Attributes:
        found: None where the detections of the look before it hold.
        shown: what the picture shows.
    """

    frame: Frame
    found: Found | None
    shown: Shown
