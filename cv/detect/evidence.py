"""Pictures that show an incident: the scene, a crop, the earliest frame, and the cleared place.

Originals (unmasked) stay in <data>/originals until their deadline; the first frames of what may
become an incident wait in <data>/candidates. What may leave is in
<data>/evidence/<incident id>, masked before anything is drawn. If masking could not run, no such
picture is written: the item then names the original and says `masked = False`, and targets do not
send it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from cv.detect.drawing import GREEN, RED, draw_box, draw_title, draw_zone, zone_colour
from cv.detect.incident import Incident
from cv.detect.masking import MaskCounts
from cv.errors import KerbwatchError
from cv.geometry import Image
from cv.site import Camera, Site, Zone

__all__ = ["EvidenceFile", "EvidenceFolder", "Role", "original_file", "span"]

Role = Literal["scene", "crop", "before", "after"]
Mask = Callable[[Image], MaskCounts]
"""Masks a clean picture in place and says how much."""

_QUALITY = 88
_CROP_MARGIN = 0.35
_CROP_SIDE = 640
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One picture.

    Attributes:
        file: relative to the data folder.
        sha256: of the file's bytes, hexadecimal.
        masked: whether heads (and plates, if asked) were masked in it.
    """

    id: str
    role: Role
    file: str
    sha256: str
    mime: str
    width: int
    height: int
    masked: bool
    counts: MaskCounts


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame, clean and masked; `counts` is None where masking failed."""

    clean: Image
    masked: Image
    counts: MaskCounts | None
    time: datetime


class EvidenceFolder:
    """Writes one camera's evidence below the site's data folder.

    Args:
        mask: masks a picture in place; any exception means that it could not.
    """

    def __init__(self, site: Site, camera: Camera, mask: Mask) -> None:
        self._data = site.reporting.data
        self._site = site
        self._camera = camera
        self._mask = mask

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
        """Delete the first frame of what became none."""
        (self._data / file).unlink(missing_ok=True)

    def opened(
        self, incident: Incident, image: Image, first: str | None
    ) -> tuple[EvidenceFile, ...]:
        """Scene and crop of the look that confirmed the incident, and its earliest frame.

        Args:
            image: the frame of that look, clean.
            first: the kept frame of the first look, relative to the data folder.
        """
        now = self._prepare(incident, image, incident.confirmed_at)
        items = [self._write(incident, now, "scene"), self._write(incident, now, "crop")]
        earliest = cv2.imread(str(self._data / first)) if first else None
        if earliest is not None:
            then = self._prepare(incident, np.asarray(earliest, np.uint8), incident.first_seen)
            items.append(self._write(incident, then, "before"))
        return tuple(item for item in items if item)

    def updated(self, incident: Incident, image: Image) -> tuple[EvidenceFile, ...]:
        """The scene as it is now."""
        shot = self._prepare(incident, image, incident.last_seen)
        item = self._write(incident, shot, "scene", suffix=f"-{shot.time:%Y%m%dT%H%M%SZ}")
        return (item,) if item else ()

    def cleared(self, incident: Incident, image: Image) -> tuple[EvidenceFile, ...]:
        """The empty place."""
        shot = self._prepare(incident, image, incident.cleared_at or incident.last_seen)
        item = self._write(incident, shot, "after")
        return (item,) if item else ()

    def purge(self, now: datetime) -> int:
        """Delete unmasked frames past their deadline (`privacy.keep_originals`); gives how many.

        Args:
            now: wall time, not media time: the deadline runs from when the frame was stored.
        """
        deadline = (now - timedelta(seconds=self._site.privacy.keep_originals_s)).timestamp()
        old = [
            file
            for kind in ("originals", "candidates")
            for file in (self._data / kind / self._camera.id).glob("*.jpg")
            if file.stat().st_mtime < deadline
        ]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _keep(self, kind: str, image: Image, time: datetime) -> str:
        file = f"{kind}/{self._camera.id}/{_frame_name(time)}"
        if not (self._data / file).exists():
            _save(self._data / file, _jpeg(image))
        return file

    def _prepare(self, incident: Incident, clean: Image, time: datetime) -> _Shot:
        """Keep the original and mask a copy."""
        picture = clean.copy()
        try:
            counts: MaskCounts | None = self._mask(picture)
        except (KerbwatchError, RuntimeError, ValueError, cv2.error) as error:
            logger.warning("%s: masking failed, pictures are withheld: %s", incident.id, error)
            counts = None
        return _Shot(clean, picture, counts, time)

    def _write(
        self, incident: Incident, shot: _Shot, role: Role, suffix: str = ""
    ) -> EvidenceFile | None:
        """Draw and write one picture. A disk error costs the picture, never the case."""
        try:
            file = self._keep("originals", shot.clean, shot.time)
            picture = shot.clean
            if shot.counts is not None:
                picture = self._picture(incident, shot, role)
                file = f"evidence/{incident.id}/{role}{suffix}.jpg"
                # One that is there belongs to a case that may have left already: it stays.
                if not (self._data / file).exists():
                    _save(self._data / file, _jpeg(picture))
            content = (self._data / file).read_bytes()
        except OSError as error:
            logger.error("%s: %s not written: %s", incident.id, role, error.strerror)
            return None
        return EvidenceFile(
            id=f"{incident.id}/{role}{suffix}",
            role=role,
            file=file,
            sha256=hashlib.sha256(content).hexdigest(),
            mime="image/jpeg",
            width=picture.shape[1],
            height=picture.shape[0],
            masked=shot.counts is not None,
            counts=shot.counts or MaskCounts(),
        )

    def _picture(self, incident: Incident, shot: _Shot, role: Role) -> Image:
        if role == "crop":
            return self._crop(incident, shot.masked)
        picture = shot.masked.copy()
        self._draw(incident, picture, shot.time, role)
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


def original_file(camera: str, time: datetime) -> str:
    """Where the clean frame of a look is, relative to the data folder, until its deadline."""
    return f"originals/{camera}/{_frame_name(time)}"


def _frame_name(time: datetime) -> str:
    time = time.astimezone(UTC)
    return f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03d}Z.jpg"


def span(seconds: float) -> str:
    """A stretch of time as people write it: 45s, 5m12s, 2h05m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _jpeg(image: Image) -> bytes:
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise OSError(0, "JPEG encoding failed")
    return content.tobytes()


def _save(path: Path, content: bytes) -> None:
    """All of the file or none of it, and on the disk before the case that names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
