"""From the pictures of a report to its record: suggestions, contradictions, what is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cv.cases.parts import ModelInfo
from cv.detect.detector import Detector
from cv.detect.photo import Photo
from cv.labels import Matter
from cv.photos.look import LookedAt
from cv.photos.record import (
    Disagreement,
    ExifPart,
    PhotoLocation,
    PhotoRecord,
    PhotoSuggestion,
)
from cv.plausible_time import is_plausible
from cv.site import Site
from cv.site.places import metres_between
from cv.suggest import MAX_SUGGESTIONS, suggest

__all__ = ["Report", "content_digest", "photo_id", "triage"]

DISAGREE_M = 200.0
"""Phones' GPS errs by tens of metres between houses, and a photo is taken from across the road."""
DISAGREE_S = 600.0


@dataclass(frozen=True, slots=True)
class Report:
    """What the citizen says beside the pictures; `location` is converted already."""

    location: PhotoLocation | None = None
    captured_at: datetime | None = None
    address: str | None = None
    description: str | None = None
    category: Matter | None = None
    reporter: str | None = None
    report: bool = False
    key: str | None = None
    """The sender's idempotency key; another sender's is another one."""
    sender: str | None = None
    """The id of the API key that it came with, if one was needed."""
    fields: dict[str, Any] = field(default_factory=dict)
    """As they came, for the digest of the content."""


def content_digest(images: Sequence[bytes], report: Report) -> str:
    """SHA-256 over pictures and fields: the same report has the same."""
    digests = [hashlib.sha256(image).hexdigest() for image in images]
    text = json.dumps([digests, report.fields], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def photo_id(content: str, report: Report) -> str:
    """Derived from the sender and its idempotency key, else from the content: never random.

    What two senders send is two reports, whatever it says: one sender's answers are not another's.
    """
    sender = report.sender or ""
    if report.key is not None:
        named = f"key {sender} {report.key}"
    else:
        named = f"content {sender} {content}" if sender else f"content {content}"
    return f"ph-{hashlib.sha256(named.encode()).hexdigest()[:20]}"


def triage(
    looks: Sequence[LookedAt],
    report: Report,
    *,
    site: Site,
    detector: Detector,
    record_id: str,
    now: datetime,
    elapsed_s: float,
) -> PhotoRecord:
    """The record of a report, of which nothing is kept yet.

    Args:
        now: wall time, aware.
        elapsed_s: what the looks took.
    """
    exifs = [_exif(look.photo, site, now) for look in looks]
    location = report.location or next(filter(None, map(_exif_location, exifs)), None)
    times = [exif.taken_at for exif in exifs if exif.taken_at]
    captured_at = report.captured_at or (min(times) if times else None)
    info = detector.info
    return PhotoRecord(
        id=record_id,
        received_at=now,
        images=tuple(look.image for look in looks),
        model=ModelInfo(name=info.name, version=info.version, sha256=info.sha256),
        suggestions=_suggestions(looks, site),
        location=location,
        captured_at=captured_at,
        address=report.address,
        description=report.description,
        category=report.category,
        reporter=report.reporter,
        exif=exifs[0],
        disagreements=tuple(_disagreements(report, exifs)),
        report=report.report,
        elapsed_ms=round(elapsed_s * 1000, 1),
    )


def _suggestions(looks: Sequence[LookedAt], site: Site) -> tuple[PhotoSuggestion, ...]:
    """At most three over all pictures, one a code, best first."""
    best: dict[str, PhotoSuggestion] = {}
    for number, look in enumerate(looks):
        width, height = look.photo.width, look.photo.height
        for made in suggest(look.detections, table=site.codes, width=width, height=height):
            known = best.get(made.code5)
            if known is None or made.score > known.score:
                best[made.code5] = PhotoSuggestion(**dict(made), image=number)
    ranked = sorted(best.values(), key=lambda s: -s.score)  # stable: larger objects stay first
    return tuple(ranked[:MAX_SUGGESTIONS])


def _exif(photo: Photo, site: Site, now: datetime) -> ExifPart:
    """EXIF time without an offset is taken on the site's clock."""
    taken = photo.taken_at if photo.taken_at and is_plausible(photo.taken_at, now) else None
    if taken and taken.tzinfo is None:
        taken = taken.replace(tzinfo=site.tz)
    return ExifPart(taken_at=taken, lon=photo.lon, lat=photo.lat)


def _exif_location(exif: ExifPart) -> PhotoLocation | None:
    if exif.lon is None or exif.lat is None:
        return None
    return PhotoLocation(lon=exif.lon, lat=exif.lat, coord_sys="WGS84", origin="exif")


def _disagreements(report: Report, exifs: Sequence[ExifPart]) -> list[Disagreement]:
    """Where a file's EXIF contradicts the form by more than `DISAGREE_M` or `DISAGREE_S`."""
    found = []
    for number, exif in enumerate(exifs):
        if report.location and exif.lon is not None and exif.lat is not None:
            place = report.location
            metres = round(metres_between(place.lon, place.lat, exif.lon, exif.lat))
            if metres > DISAGREE_M:
                found.append(
                    Disagreement(
                        field="location",
                        image=number,
                        metres=metres,
                        message_en=f"The file's GPS is {metres} m from the place given.",
                        message_zh=f"照片内置定位与填报位置相距 {metres} 米。",
                    )
                )
        if report.captured_at and exif.taken_at:
            seconds = round(abs((report.captured_at - exif.taken_at).total_seconds()))
            if seconds > DISAGREE_S:
                found.append(
                    Disagreement(
                        field="captured_at",
                        image=number,
                        seconds=seconds,
                        message_en=f"The file's time is {seconds} s from the time given.",
                        message_zh=f"照片内置时间与填报时间相差 {seconds} 秒。",
                    )
                )
    return found
