"""Where a killed run over recordings goes on: the ones that are done are passed over, the one that
was being watched is taken up at its last recorded look.

Incidents and the camera's state are recorded in one transaction, so what is recorded up to a look
is all that there was; frames up to it need no second look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from cv.detect.copy_file import Copied
from cv.detect.frames import Recording, Source, SourceKind
from cv.detect.journal import Journal, Mark, file_mark
from cv.site import Camera

__all__ = ["Resume"]

_LATE = timedelta(seconds=1)
"""A recording's last frame may come a little after the end that its file states."""


class Resume:
    """Which recordings a journal has as done or begun, looked at in the same way.

    Args:
        settings: whatever else, beside the camera with its zones, decides what comes of a
            recording; compared by its `repr`.
        copied: whether a recording's annotated copy is there, where copies are asked for. One
            without is not done, and none is taken up in its middle, since a copy shows the whole;
            its incidents keep their ids.
    """

    def __init__(self, journal: Journal, settings: object, copied: Copied | None = None) -> None:
        self._journal = journal
        self._copied = copied
        self._settings = settings
        self._begun: dict[str, Mark] = {}
        self._unlooked: set[str] = set()

    def is_done(self, source: Source, camera: Camera | None) -> bool:
        """Raises SourceError if the file is gone."""
        if source.kind is not SourceKind.RECORDING:
            return False
        if self._copied and not self._copied(source):
            return False
        return self._journal.holds(self._mark(source, camera, "done"))

    def begin(
        self,
        source: Source,
        camera: Camera | None,
        frames: Recording,
        recorded: datetime | None,
    ) -> datetime | None:
        """Begin to watch a recording; gives the time up to which it already was watched.

        Args:
            recorded: time of the camera's last look that is in the store.
        """
        mark = self._begun[source.name] = self._mark(source, camera, "begun")
        if not self._journal.holds(mark):
            self._unlooked.add(source.name)
            return None
        if recorded is None or frames.duration_s is None or self._copied:
            return None
        # A state from elsewhere, of a later recording say, tells nothing about this one.
        end = frames.start + timedelta(seconds=frames.duration_s) + _LATE
        return recorded if frames.start <= recorded <= end else None

    def looked(self, source: Source) -> None:
        """Note that a recording is being watched: not before its first look is in the store.

        Until then the camera's state is an earlier run's, which may have seen all of it with other
        rules, and nobody would look at it again.
        """
        if source.name in self._unlooked:
            self._journal.add(self._begun[source.name])
            self._unlooked.remove(source.name)

    def end(self, source: Source, incidents: int, labels: Mapping[str, int]) -> None:
        """Note that a recording was watched to its end."""
        mark = self._begun.pop(source.name, None)
        if mark:  # else it is a stream
            counts = {"looks": source.stats.looks, "incidents": incidents, "labels": dict(labels)}
            self._journal.add({**mark, "state": "done", **counts})

    def _mark(self, source: Source, camera: Camera | None, state: str) -> Mark:
        settings = sha256(repr((camera, self._settings)).encode()).hexdigest()[:16]
        file = file_mark(source.path)
        return {"recording": source.name, **file, "settings": settings, "state": state}
