"""An annotated copy of what was watched, one picture a look at its media time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from cv.detect.copy_file import MARK, CopyFile
from cv.detect.detector import Detection, Detector
from cv.detect.drawing import BLUE, RED, draw_box, draw_title, draw_zone, zone_colour
from cv.detect.look import Look
from cv.detect.masking import mask
from cv.errors import SourceError
from cv.geometry import Image
from cv.site import Camera, Site

__all__ = ["AnnotatedVideo", "annotate", "annotate_photo"]

_TICKS = 1000


def annotate(look: Look, detector: Detector, site: Site, camera: Camera | None) -> Image:
    """A copy of a look's frame, masked as evidence is, with zones, detections, open incidents."""
    picture = look.frame.image.copy()
    mask(picture, detector, heads=site.privacy.heads, plates=site.privacy.plates)
    for zone in camera.zones if camera else ():
        draw_zone(picture, zone.polygon, zone_colour(zone.kind))
    for detection in look.detections:
        draw_box(picture, detection.box, BLUE, f"{detection.label} {detection.score:.2f}")
    for incident in look.open:
        draw_box(picture, incident.box, RED, f"{incident.matter} {incident.id}")
    local = look.frame.time.astimezone(site.tz).isoformat(sep=" ", timespec="seconds")
    draw_title(picture, (*((camera.name,) if camera else ()), local))
    return picture


def annotate_photo(
    image: Image, detections: Sequence[Detection], detector: Detector, site: Site
) -> None:
    """Draw detections on a photo, masked as evidence is; in place.

    Args:
        image: uint8 [height, width, 3] BGR, with boxes in its pixels.
    """
    mask(image, detector, heads=site.privacy.heads, plates=site.privacy.plates)
    for detection in detections:
        draw_box(image, detection.box, BLUE, f"{detection.label} {detection.score:.2f}")


class AnnotatedVideo:
    """Writes pictures to an H.264 file, which is there once it is closed.

    Raises:
        SourceError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = CopyFile(path)
        with _telling(path):
            self._container = av.open(str(self._file.part), "w")
        self._container.metadata["comment"] = MARK
        self._stream: VideoStream | None = None
        self._first_s = 0.0
        self._last_tick = -1

    def add(self, picture: Image, media_s: float) -> None:
        """Append a picture at its media time (seconds); later than the one before."""
        with _telling(self._file.path):
            self._add(picture, media_s)

    def close(self) -> None:
        """Write what is left, and the index without which nobody can play it.

        Only then it gets its place, in which without any picture all stays as it is.
        """
        if self._stream is None:
            self.drop()
            return
        try:
            with _telling(self._file.path):
                for packet in self._stream.encode(None):
                    self._container.mux(packet)
                self._container.close()
        except SourceError:
            self.drop()
            raise
        self._file.put()

    def drop(self) -> None:
        """Leave no copy; what is in its place stays."""
        with suppress(OSError, ValueError):  # it was in trouble before
            self._container.close()
        self._file.drop()

    def _add(self, picture: Image, media_s: float) -> None:
        if self._stream is None:
            self._stream = self._open(picture)
            self._first_s = media_s
        frame = av.VideoFrame.from_ndarray(self._fitted(picture, self._stream), format="bgr24")
        self._last_tick = max(self._last_tick + 1, round((media_s - self._first_s) * _TICKS))
        frame.pts = self._last_tick
        frame.time_base = Fraction(1, _TICKS)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _open(self, picture: Image) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=25)
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.width = picture.shape[1] // 2 * 2
        stream.height = picture.shape[0] // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "26", "preset": "veryfast"}
        return stream

    def _fitted(self, picture: Image, stream: VideoStream) -> Image:
        """H.264 wants even sides, and one size for the whole file."""
        if picture.shape[:2] == (stream.height, stream.width):
            return picture
        return np.asarray(cv2.resize(picture, (stream.width, stream.height)), np.uint8)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # FFmpegError is one of them
        why = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"{path}: cannot write a video there: {why}") from error
