"""What a camera's watch knows between looks, as JSON: a restart goes on where the last run was."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from cv.detect.incident import Candidate
from cv.detect.still import StillObject
from cv.geometry import Box

__all__ = ["WatchState", "dump_state", "parse_state"]

FORMAT = 1
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class WatchState:
    """
    Attributes:
        last_look: time of the latest look, aware UTC.
        size: (width, height) of its image; boxes are in its pixels.
        issued: incident ids given, with their first_seen.
        first_frames: per object key, the kept original of its first look.
        view: what the camera shows, as `View.dump` gives it.
        zones: the mark of the zones that were drawn on it.
    """

    format: int
    last_look: datetime
    size: tuple[int, int]
    next_key: int
    objects: list[StillObject]
    candidates: list[Candidate]
    issued: dict[str, datetime]
    first_frames: dict[int, str]
    view: str | None = None
    zones: str = ""

    def resized(self, size: tuple[int, int]) -> WatchState:
        """The same in pixels of another picture size: the camera changed its resolution."""
        if size == self.size:
            return self
        sx, sy = size[0] / self.size[0], size[1] / self.size[1]

        def scaled(box: Box) -> Box:
            return Box(box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)

        return replace(
            self,
            size=size,
            objects=[
                replace(
                    thing,
                    box=scaled(thing.box),
                    origin=scaled(thing.origin),
                    seen=scaled(thing.seen),
                )
                for thing in self.objects
            ],
            candidates=[
                replace(
                    c,
                    incident=replace(
                        c.incident,
                        box=scaled(c.incident.box),
                        first_box=scaled(c.incident.first_box),
                        size=size,
                    ),
                )
                if c.incident
                else c
                for c in self.candidates
            ],
        )


_ADAPTER: TypeAdapter[WatchState] = TypeAdapter(WatchState)


def dump_state(state: WatchState) -> str:
    return _ADAPTER.dump_json(state).decode()


def parse_state(text: str) -> WatchState | None:
    """None, with a log line, for a state of another format: better forgotten than misread."""
    try:
        state = _ADAPTER.validate_json(text)
    except ValidationError as error:
        logger.warning("the saved watch state is not readable, starting anew: %s", error.title)
        return None
    return state if state.format == FORMAT else None
