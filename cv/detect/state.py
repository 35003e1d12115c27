"""What a camera's watch knows between looks, as JSON: a restart goes on where the last run was."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from cv.detect.incident import Candidate, Incident
from cv.detect.still import StillObject

__all__ = ["WatchState", "dump_state", "parse_state"]

FORMAT = 1
logger = logging.getLogger(__name__)
_Thing = TypeVar("_Thing", StillObject, Candidate, Incident)


@dataclass(slots=True)
class WatchState:
    """All that a watch must know to go on after a restart.

    Attributes:
        last_look: time of the latest look, aware UTC.
        size: (width, height) of its image; boxes are in its pixels.
        issued: incident ids given, with their first_seen.
        first_frames: per object key, the kept original of its first look.
        view: what the camera shows, as `View.dump` gives it.
        moved: whether it showed another one.
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
    moved: bool = False
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

    def shifted(self, by: timedelta) -> WatchState:
        """The same with its times moved: the clock that they are by was set.

        Presence follows by itself, see `PresenceWindow.add`.
        """
        return replace(
            self,
            last_look=self.last_look + by,
            objects=[_moved(thing, by) for thing in self.objects],
            candidates=[
                replace(_moved(c, by), incident=_moved(c.incident, by) if c.incident else None)
                for c in self.candidates
            ],
            issued={key: seen + by for key, seen in self.issued.items()},
        )


def _moved(thing: _Thing, by: timedelta) -> _Thing:
    times: dict[str, Any] = {
        name: value + by
        for name in (field.name for field in fields(thing))
        if isinstance(value := getattr(thing, name), datetime)
    }
    return replace(thing, **times)


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
