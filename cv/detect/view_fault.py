"""A camera that shows another view, or nothing, as people and programs are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from cv.detect.view import ViewFault

__all__ = ["FaultNews", "ViewFaults"]

_SAYS = {
    (ViewFault.CHANGED, "open"): "shows another view; its zones are suspended until it is back or "
    "they are drawn anew",
    (ViewFault.CHANGED, "cleared"): "shows its view again; its zones count",
    (ViewFault.BLANK, "open"): "shows nothing (dark, covered, in fog?); its zones are suspended, "
    "but for looks in which something is found",
    (ViewFault.BLANK, "cleared"): "shows something again",
}


class FaultNews(NamedTuple):
    """A fault that began or ended: an object for programs, a line for people."""

    document: dict[str, Any]
    line: str


class ViewFaults:
    """Tells each change once.

    Args:
        zone_time: of the moments told.
    """

    def __init__(self, zone_time: tzinfo) -> None:
        self._tz = zone_time
        self._told: dict[str, ViewFault | None] = {}

    def news(self, camera: str, fault: ViewFault | None, time: datetime) -> Iterator[FaultNews]:
        """What is to be told after a look at a camera at an aware time; mostly nothing."""
        before, self._told[camera] = self._told.get(camera), fault
        if before is fault:
            return
        local = time.astimezone(self._tz)
        moment = local.isoformat(timespec="milliseconds")
        for what, state in ((before, "cleared"), (fault, "open")):
            if what is not None:
                document = {"camera": camera, "fault": what, "state": state, "time": moment}
                line = f"{local:%H:%M:%S} camera {camera} {_SAYS[what, state]}"
                yield FaultNews(document, line)
