"""What a camera's watch knows between looks, as JSON: a restart goes on where the last run was."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from cv.detect.incident import Candidate
from cv.detect.still import StillObject

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
        return replace(
            self,
            size=size,
            objects=[
                replace(
                    thing,
                    box=thing.box.resized(self.size, size),
                    origin=thing.origin.resized(self.size, size),
                    seen=thing.seen.resized(self.size, size),
                )
                for thing in self.objects
            ],
            candidates=[
                replace(c, incident=c.incident.resized(size)) if c.incident else c
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
