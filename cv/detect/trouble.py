"""A look that could not be recorded is told once, and the camera's watch goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cv.detect.frames import Frame
from cv.detect.glance import Watching
from cv.detect.look import Look
from cv.errors import KerbwatchError

__all__ = ["Trouble"]

logger = logging.getLogger(__name__)


class Trouble:
    """One live camera's: a full disk or a database that is away ends no watch.

    Args:
        name: the camera's, for the log.
        tell: called with an error when it is another one than at the look before.
    """

    def __init__(self, name: str, tell: Callable[[KerbwatchError], None]) -> None:
        self._name = name
        self._tell = tell
        self._last = ""

    def look(self, watch: Watching, frame: Frame) -> Look | None:
        """What a look gives, or None where it failed; the next one records what it missed."""
        try:
            look = watch.look(frame)
        except KerbwatchError as error:
            if str(error) != self._last:
                self._last = str(error)
                self._tell(error)
            return None
        if self._last:
            logger.warning("%s: looks are recorded again; nothing was lost", self._name)
            self._last = ""
        return look
