"""The case: the document about an incident or a citizen's report that is reviewed and posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from cv.cases.parts import (
    ClosurePart,
    CodeChoice,
    DedupPart,
    DeptPart,
    DetectionPart,
    EvidenceItem,
    GivenPointPart,
    LimitPart,
    MaskCounts,
    MatterPart,
    ModelInfo,
    Part,
    PlacePart,
    PrivacyPart,
    ReportPart,
    ReviewPart,
    RoiPart,
    RulePart,
    SourcePart,
    TimePart,
)
from cv.cases.routing import dept_of, level_names, limit_of
from cv.codes import Code
from cv.detect.incident import Event, Incident
from cv.geometry import Box
from cv.site import Camera, Site, Zone

__all__ = [
    "SCHEMA_ID",
    "Case",
    "EvidenceItem",
    "MaskCounts",
    "ModelInfo",
    "case_from_incident",
    "case_schema",
    "local",
    "matter_part",
    "privacy_part",
]

SCHEMA_ID = "urn:kerbwatch:schema:case:1"


class Case(Part):
    """One incident or report as its receiver gets it; `id` is the first one's, for ever.

    What no camera has seen (yet) has no rule; what no model has seen has neither `model` nor
    `detections`.
    """

    format: Literal["kerbwatch.case/1"] = "kerbwatch.case/1"
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    state: Literal["new", "updated", "cleared"]
    matter: MatterPart
    source: SourcePart
    place: PlacePart
    time: TimePart
    evidence: tuple[EvidenceItem, ...]
    detections: tuple[DetectionPart, ...]
    reports: tuple[ReportPart, ...] = ()
    rule: RulePart | None
    model: ModelInfo | None
    dept: DeptPart | None = None
    limit: LimitPart | None = None
    review: ReviewPart = ReviewPart()
    closure: ClosurePart | None = None
    dedup: DedupPart
    privacy: PrivacyPart

    @property
    def key(self) -> str:
        """The name of this change for ever: derived, so that a second run over the same input
        repeats it. It is the message's id at every receiver.
        """
        if self.state != "updated":
            return f"{self.id}.{self.state}"
        seen = self.time.last_seen.astimezone(UTC)
        key = f"{self.id}.updated.{seen:%Y%m%dT%H%M%S}{seen.microsecond // 1000:03d}Z"
        # What joins a case may have been seen no later than what the case has.
        return f"{key}.{len(self.dedup.merged_ids)}" if self.dedup.merged_ids else key

    @property
    def box(self) -> Box | None:
        """Where it is, in pixels of the source image; None if the model did not see it."""
        if not self.detections:
            return None
        x, y, width, height = self.detections[0].bbox
        return Box(x, y, x + width, y + height)

    @property
    def is_watched(self) -> bool:
        """Whether a camera sees it: it opens and clears by a rule."""
        return self.rule is not None


def case_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a case as receivers get it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **Case.model_json_schema(mode="serialization"),
    }


def case_from_incident(
    incident: Incident,
    *,
    site: Site,
    camera: Camera,
    zone: Zone,
    evidence: Sequence[EvidenceItem],
    model: ModelInfo,
    reported: datetime,
    event: Event,
    threshold: float | None = None,
) -> Case:
    """The case document of an incident as of one change.

    Args:
        evidence: pictures of this change; the store adds those of earlier ones.
        reported: wall time of the filing, aware.
        threshold: the score from which the model's detections of the incident's label count.
    """
    code = site.codes.code(incident.matter, incident.label, zone.kind)
    place = _place(camera, site.division)
    return Case(
        id=incident.id,
        state=event,
        matter=matter_part(incident.matter, code, site.division),
        source=SourcePart(
            site=site.name,
            channel_id=camera.id,
            camera_gb_id=camera.gb_id,
            camera_name=camera.name,
        ),
        place=place,
        time=_times(incident, event, reported, site.tz),
        evidence=tuple(evidence),
        detections=(_detection(incident, zone),),
        rule=_rule(incident, threshold),
        model=model,
        dept=dept_of(site, code.code5, place),
        limit=limit_of(site, code.code5, reported),
        dedup=DedupPart(
            key=f"{camera.id}|{zone.id}|{incident.matter}|{incident.id}",
            window_s=round(site.photos.time_s),
        ),
        privacy=privacy_part(site, reported),
    )


def matter_part(matter: str, code: Code, division: str | None) -> MatterPart:
    """The block of a case document that says what it is about, in one edition's code.

    Args:
        division: six digits, for the code of eleven; None leaves it out.
    """
    return MatterPart(
        standard_ref=code.standard_ref,
        matter=matter,
        code5=code.code5,
        code11=code.code11(division),
        name_zh=code.name_zh,
        name_en=code.name_en,
        legacy_2013=code.legacy_2013,
        is_local_extension=code.is_local_extension,
        alternatives=tuple(
            CodeChoice(code5=other.code5, name_zh=other.name_zh, name_en=other.name_en)
            for other in code.alternatives
        ),
    )


def privacy_part(site: Site, reported: datetime) -> PrivacyPart:
    """What the site masks, and until when it keeps the originals of what is reported now."""
    kept_until = reported + timedelta(seconds=site.privacy.keep_originals_s)
    return PrivacyPart(
        faces_masked=site.privacy.heads,
        plates_masked=site.privacy.plates,
        originals_kept_until=local(kept_until, site.tz),
    )


def _place(camera: Camera, division: str | None) -> PlacePart:
    given = camera.given
    return PlacePart(
        division6=division or (camera.community or "")[:6] or None,
        street9=(camera.community or "")[:9] or None,
        community12=camera.community,
        grid15=camera.grid,
        address=camera.address[:256] if camera.address else None,
        lon=camera.lon,
        lat=camera.lat,
        coord_sys=camera.coord_sys if camera.lon is not None else None,
        given=given and GivenPointPart(lon=given.lon, lat=given.lat, coord_sys=given.coord_sys),
        outside_m=_outside_m(camera),
        **level_names(camera.place, camera.community),
    )


def _outside_m(camera: Camera) -> float | None:
    """How far the camera is from its area; None if it has not the map's community and grid."""
    place = camera.place
    if place is None or (place.community, place.grid) != (camera.community, camera.grid):
        return None
    return round(place.distance_m, 1)


def _times(incident: Incident, event: Event, reported: datetime, tz: ZoneInfo) -> TimePart:
    captured = {"new": incident.confirmed_at, "cleared": incident.cleared_at}.get(event)
    return TimePart(
        first_seen=local(incident.first_seen, tz),
        confirmed=local(incident.confirmed_at, tz),
        last_seen=local(incident.last_seen, tz),
        cleared=local(incident.cleared_at, tz) if incident.cleared_at else None,
        captured=local(captured or incident.last_seen, tz),
        reported=local(reported, tz),
    )


def _detection(incident: Incident, zone: Zone) -> DetectionPart:
    box = incident.box
    x, y, width, height = (round(v, 1) for v in (box.x1, box.y1, box.width, box.height))
    return DetectionPart(
        label=incident.label,
        conf=round(incident.score, 4),
        bbox=(x, y, width, height),
        image_wh=incident.size,
        dwell_s=round(incident.dwell_s, 1),
        looks=incident.looks,
        hits=incident.hits,
        roi=RoiPart(id=zone.id, name=zone.name, type=zone.kind),
    )


def _rule(incident: Incident, threshold: float | None) -> RulePart:
    rule = incident.rule
    return RulePart(
        id=rule.id,
        version=version("kerbwatch"),
        dwell_s=rule.dwell_s,
        threshold=threshold,
        overlap=rule.overlap,
        presence=rule.presence,
        clear_s=rule.clear_s,
        active=str(rule.active),
    )


def local(time: datetime, tz: ZoneInfo) -> datetime:
    """On the site's clock, to the millisecond."""
    return time.astimezone(tz).replace(microsecond=time.microsecond // 1000 * 1000)
