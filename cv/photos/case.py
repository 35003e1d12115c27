"""The case that a citizen's photos ask for."""

from __future__ import annotations

from collections.abc import Iterator

from cv.cases.case import Case, EvidenceItem
from cv.cases.parts import DetectionPart, GivenPointPart, ReportPart
from cv.cases.reported import GivenPoint, case_from_report, code_for
from cv.labels import Matter
from cv.photos.record import PhotoImage, PhotoLocation, PhotoRecord, PhotoSuggestion
from cv.site import Site

__all__ = ["case_of", "matter_of"]


def matter_of(record: PhotoRecord) -> Matter | None:
    """What the citizen says that it is, else what comes first of what the model suggests."""
    if record.category is not None:
        return record.category
    return record.suggestions[0].matter if record.suggestions else None


def case_of(record: PhotoRecord, site: Site) -> Case | None:
    """None if no case is asked for, or if nobody could say what it is about or where."""
    matter = matter_of(record)
    if not record.report or matter is None or not (record.location or record.address):
        return None
    shown = next((s for s in record.suggestions if s.matter == matter), None)
    return case_from_report(
        ReportPart(
            id=record.id,
            captured=record.captured_at or record.received_at,
            address=record.address,
            description=record.description,
        ),
        site=site,
        matter=matter,
        code=code_for(site, matter, shown.label if shown else None),
        channel="_photos",
        point=_point(record.location),
        reported=record.received_at,
        evidence=list(_pictures(record, first=shown.image if shown else 0)),
        detection=_detection(record, shown) if shown else None,
        model=record.model,
    )


def _pictures(record: PhotoRecord, first: int) -> Iterator[EvidenceItem]:
    """The masked pictures, the one that shows it best first; none that could not be masked."""
    order = sorted(range(len(record.images)), key=lambda i: i != first)
    for i in order:
        kept = record.images[i].evidence
        if kept.file and kept.sha256 and kept.mask_counts and kept.width and kept.height:
            yield EvidenceItem(
                id=f"{record.id}/{i + 1}",
                role="report",
                taken=record.captured_at,
                file=kept.file,
                sha256=kept.sha256,
                mime="image/jpeg",
                w=kept.width,
                h=kept.height,
                masked=True,
                mask_counts=kept.mask_counts,
            )


def _detection(record: PhotoRecord, shown: PhotoSuggestion) -> DetectionPart:
    x1, y1, x2, y2 = shown.box
    image: PhotoImage = record.images[shown.image]
    score = next((d.score for d in image.detections if d.bbox == shown.box), shown.score)
    return DetectionPart(
        label=shown.label,
        conf=score,
        bbox=(x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)),
        image_wh=(image.width, image.height),
        dwell_s=0.0,
        looks=1,
        hits=1,
        roi=None,
    )


def _point(location: PhotoLocation | None) -> GivenPoint | None:
    if location is None:
        return None
    given = location.given and GivenPointPart.model_validate(location.given)
    return GivenPoint(location.lon, location.lat, location.coord_sys, given or None)
