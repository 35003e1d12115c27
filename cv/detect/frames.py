"""Frames: from photos, recordings and streams to pictures with their times.

The door to this chapter; the parts are in sources, recording and stream.
"""

from __future__ import annotations

from cv.detect.recording import Recording, open_recording
from cv.detect.sources import Frame, Source, SourceKind, SourceStats, find_sources
from cv.detect.start_time import StartSource
from cv.detect.stream import Stream, StreamState, open_stream
from cv.source_url import SourceUrl, redact

__all__ = [
    "Frame",
    "Recording",
    "Source",
    "SourceKind",
    "SourceStats",
    "SourceUrl",
    "StartSource",
    "Stream",
    "StreamState",
    "find_sources",
    "open_recording",
    "open_stream",
    "redact",
]
