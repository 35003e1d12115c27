"""Pictures that show an incident: the scene, a crop, the earliest frame, and the cleared place.

The clean frames are kept as originals (`cv.evidence.originals`) until their deadline. What may
leave is in <data>/evidence/<incident id>, masked before anything is drawn. If masking could not
run, no such picture is written: the item then names the original and says `masked = False`, and
targets do not send it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import cv2
import numpy as np

from cv.detect.drawing import GREEN, RED, draw_box, draw_title, draw_zone, zone_colour
from cv.detect.frames import Frame
from cv.detect.incident import Incident
from cv.detect.masking import MaskCounts
from cv.disk import DiskSpace, Room
from cv.errors import UserError
from cv.evidence.originals import Kind, frame_file, frame_time, open_originals, write_durably
from cv.geometry import Image
from cv.site import Camera, Site, Zone

__all__ = ["EvidenceFile", "EvidenceFolder", "Role", "span"]

Role = Literal["scene", "crop", "before", "after"]
Mask = Callable[[Image], MaskCounts]
"""Masks a clean picture in place and says how much."""

_QUALITY, _THIN_QUALITY = 88, 60
_CROP_MARGIN = 0.35
_CROP_SIDE = 640
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One picture.

    Attributes:
        taken: when its frame was.
        file: relative to the data folder; None if it was not stored, for want of room.
        sha256: of the picture's bytes, hexadecimal.
        masked: whether heads (and plates, if asked) were masked in it.
    """

    id: str
    role: Role
    taken: datetime
    file: str | None
    sha256: str
    mime: str
    width: int
    height: int
    masked: bool
    counts: MaskCounts


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame, clean and masked, and the incident in its pixels; `counts` is None where masking
    failed.
    """

    incident: Incident
    clean: Image
    masked: Image
    counts: MaskCounts | None
    time: datetime


class EvidenceFolder:
    """Writes one camera's evidence below the site's data folder.

    Args:
        mask: masks a picture in place; any exception means that it could not.
        space: says how many pictures there is room for.
        is_filed: whether the store has the case of an incident, by its id.
    """

    def __init__(
        self,
        site: Site,
        camera: Camera,
        mask: Mask,
        space: DiskSpace,
        is_filed: Callable[[str], bool],
    ) -> None:
        self._data = site.reporting.data
        self._originals = open_originals(self._data)
        self._site = site
        self._camera = camera
        self._mask = mask
        self._space = space
        self._is_filed = is_filed

    @property
    def thinned(self) -> bool:
        """Whether there is only room for what a case cannot do without."""
        return self._space.room is not Room.PLENTY

    def keep_candidate(self, image: Image, time: datetime) -> str | None:
        """Store the first frame of what may become an incident; gives its file.

        None after a disk error, which costs the picture, never the watch.
        """
        try:
            return self._keep("candidates", image, time)
        except OSError as error:
            logger.error("%s: first frame not written: %s", self._camera.id, error.strerror)
            return None

    def drop_candidate(self, file: str) -> None:
        """Delete the first frame of what became none; after a disk error retention does it."""
        try:
            self._originals.drop(file)
        except OSError as error:
            logger.error("%s: first frame not deleted: %s", self._camera.id, error.strerror)

    def opened(
        self, incident: Incident, frame: Frame, first: str | None
    ) -> tuple[EvidenceFile, ...]:
        """Scene and crop of an incident that was confirmed, and its earliest frame.

        Args:
            frame: of the look that confirmed it, or one of the main stream shortly before, clean.
            first: the kept frame of the first look, relative to the data folder.
        """
        now = self._prepare(incident, frame.image, frame.time)
        items = [self._write(now, "scene"), self._write(now, "crop")]
        earliest = self._candidate(first) if first and not self.thinned else None
        if first and earliest is not None:
            then = self._prepare(incident, earliest, frame_time(first))
            items.append(self._write(then, "before"))
        return tuple(item for item in items if item)

    def updated(self, incident: Incident, frame: Frame) -> tuple[EvidenceFile, ...]:
        """The scene as it is now."""
        if self.thinned:
            return ()
        shot = self._prepare(incident, frame.image, frame.time)
        item = self._write(shot, "scene", suffix=f"-{shot.time:%Y%m%dT%H%M%SZ}")
        return (item,) if item else ()

    def cleared(self, incident: Incident, frame: Frame) -> tuple[EvidenceFile, ...]:
        """The empty place."""
        shot = self._prepare(incident, frame.image, frame.time)
        item = self._write(shot, "after")
        return (item,) if item else ()

    def _keep(self, kind: Kind, image: Image, time: datetime) -> str:
        file = frame_file(kind, self._camera.id, time)
        return self._originals.find(file) or self._originals.keep(file, self._jpeg(image))

    def _candidate(self, file: str) -> Image | None:
        """A kept first frame; None if it is gone or cannot be read."""
        try:
            content = self._originals.read(file)
        except (OSError, UserError) as error:
            logger.warning("%s: first frame not read: %s", self._camera.id, error)
            return None
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        return None if image is None else np.asarray(image, np.uint8)

    def _prepare(self, incident: Incident, clean: Image, time: datetime) -> _Shot:
        """Keep the original and mask a copy."""
        picture = clean.copy()
        try:
            counts: MaskCounts | None = self._mask(picture)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not leave unmasked
            logger.warning("%s: masking failed, pictures are withheld: %s", incident.id, error)
            counts = None
        height, width = clean.shape[:2]
        return _Shot(incident.resized((width, height)), clean, picture, counts, time)

    def _write(self, shot: _Shot, role: Role, suffix: str = "") -> EvidenceFile | None:
        """Draw and write one picture. A disk without room costs the file, never the case."""
        incident, masked = shot.incident, shot.counts is not None
        picture = self._picture(shot, role) if masked else shot.clean
        content = self._jpeg(picture)
        file: str | None = None
        try:
            if self._space.has_room:
                name = f"evidence/{incident.id}/{role}{suffix}.jpg"
                file, content = self._stored(name, shot, content)
        except OSError as error:
            logger.error("%s: %s not written: %s", incident.id, role, error.strerror)
        except UserError as error:
            logger.error("%s: %s not read: %s", incident.id, role, error)
            return None
        return EvidenceFile(
            id=f"{incident.id}/{role}{suffix}",
            role=role,
            taken=shot.time,
            file=file,
            sha256=hashlib.sha256(content).hexdigest(),
            mime="image/jpeg",
            width=picture.shape[1],
            height=picture.shape[0],
            masked=masked,
            counts=shot.counts or MaskCounts(),
        )

    def _stored(self, name: str, shot: _Shot, content: bytes) -> tuple[str, bytes]:
        """Write the original, and the masked picture if there is one; gives what shows the case."""
        original = self._keep("originals", shot.clean, shot.time)
        if shot.counts is None:
            return original, self._originals.read(original)
        # One that is there may have left with its case, and stays. But if a run was killed before
        # it had recorded the case, nobody knows of it, nor how much was masked in those days.
        if not ((self._data / name).exists() and self._is_filed(shot.incident.id)):
            write_durably(self._data / name, content)
        return name, (self._data / name).read_bytes()

    def _jpeg(self, image: Image) -> bytes:
        quality = _THIN_QUALITY if self.thinned else _QUALITY
        done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done, "an array of pixels can be encoded"
        return content.tobytes()

    def _picture(self, shot: _Shot, role: Role) -> Image:
        if role == "crop":
            return self._crop(shot.incident, shot.masked)
        picture = shot.masked.copy()
        self._draw(shot.incident, picture, shot.time, role)
        return picture

    def _crop(self, incident: Incident, picture: Image) -> Image:
        """The object with some street around it, small ones enlarged to be recognisable."""
        x1, y1, x2, y2 = incident.box
        margin = _CROP_MARGIN * max(x2 - x1, y2 - y1)
        height, width = picture.shape[:2]
        left, right = max(0, int(x1 - margin)), min(width, int(x2 + margin) + 1)
        top, bottom = max(0, int(y1 - margin)), min(height, int(y2 + margin) + 1)
        part = picture[top:bottom, left:right]
        grow = min(4.0, _CROP_SIDE / max(part.shape[:2]))
        if grow > 1:
            part = np.asarray(
                cv2.resize(part, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC), np.uint8
            )
        return part

    def _draw(self, incident: Incident, picture: Image, time: datetime, role: Role) -> None:
        zone = self._zone(incident.zone)
        if zone:
            draw_zone(picture, zone.polygon, zone_colour(zone.kind))
        code = self._site.codes.code(incident.matter, incident.label, zone.kind if zone else None)
        dwell = span((time - incident.first_seen).total_seconds())
        caption = {
            "before": f"{code.name_zh} {incident.label}",
            "after": f"{code.name_zh} 已消失 cleared",
        }.get(role, f"{code.name_zh} {incident.label} {incident.score:.2f} · {dwell}")
        box = incident.first_box if role == "before" else incident.box
        draw_box(picture, box, GREEN if role == "after" else RED, caption)
        local = time.astimezone(self._site.tz).isoformat(sep=" ", timespec="seconds")
        place = zone.name if zone else incident.zone
        draw_title(picture, (f"{self._camera.name} · {place}", f"{local} · {incident.id}"))

    def _zone(self, zone: str) -> Zone | None:
        return next((z for z in self._camera.zones if z.id == zone), None)


def span(seconds: float) -> str:
    """A stretch of time as people write it: 45s, 5m12s, 2h05m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
