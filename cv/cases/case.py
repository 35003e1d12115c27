"""The case: the document about an incident that is reviewed and posted.

Its fields are the payload of domain.md §7, so that a receiver sees where each came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cv.codes import Code
from cv.detect.incident import Event, Incident
from cv.geometry import Box
from cv.site import Camera, Site, Zone

__all__ = [
    "Case",
    "EvidenceItem",
    "MaskCounts",
    "ModelInfo",
    "case_from_incident",
]

DUPLICATE_WINDOW_S = 3600
"""Within this time, alarms of one camera, zone and matter are about one thing (domain.md §7)."""


class Part(BaseModel):
    """A part of the document; unknown fields are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CodeChoice(Part):
    code5: str
    name_zh: str
    name_en: str


class MatterPart(Part):
    """What it is, in the terms of one edition of the national code table."""

    standard_ref: str
    kind: Literal["管理事项"] = "管理事项"
    matter: str
    code5: str
    code11: str | None
    name_zh: str
    name_en: str
    legacy_2013: str | None
    is_local_extension: bool
    alternatives: list[CodeChoice]


class SourcePart(Part):
    kind: Literal["视频发现", "群众上报", "车载视频", "无人机巡查", "热线转办"] = "视频发现"
    channel_id: str
    camera_gb_id: str | None
    camera_name: str


class PlacePart(Part):
    division6: str | None
    community12: str | None
    grid15: str | None
    address: str | None = Field(max_length=256)
    lon: float | None
    lat: float | None
    coord_sys: str | None
    method: Literal["camera"] = "camera"


class TimePart(Part):
    """Times with the site's offset."""

    first_seen: AwareDatetime
    confirmed: AwareDatetime
    last_seen: AwareDatetime
    cleared: AwareDatetime | None
    reported: AwareDatetime


class MaskCounts(Part):
    heads: int = 0
    plates: int = 0


class EvidenceItem(Part):
    """One picture; `file` is relative to the data folder, `url` is set on delivery."""

    id: str
    role: Literal["scene", "crop", "before", "after"]
    file: str
    url: str | None = None
    sha256: str
    mime: str
    w: int
    h: int
    masked: bool
    mask_counts: MaskCounts


class RoiPart(Part):
    id: str
    name: str
    type: str


class DetectionPart(Part):
    label: str
    conf: float
    bbox: tuple[float, float, float, float]
    bbox_format: Literal["xywh_px"] = "xywh_px"
    dwell_s: float
    looks: int
    hits: int
    roi: RoiPart


class RulePart(Part):
    """The rule that fired: why this case was created."""

    id: str
    dwell_s: float
    overlap: float
    presence: float
    clear_s: float


class ModelInfo(Part):
    name: str
    version: str
    sha256: str


class ReviewPart(Part):
    """kerbwatch proposes; a person confirms or rejects, with a reason."""

    state: Literal["proposed", "confirmed", "rejected"] = "proposed"
    by: str | None = None
    at: AwareDatetime | None = None
    reason: str | None = None


class DedupPart(Part):
    key: str
    window_s: int = DUPLICATE_WINDOW_S
    merged_ids: list[str] = []


class PrivacyPart(Part):
    """What was masked in the pictures that leave, and when the unmasked originals are deleted."""

    faces_masked: bool
    plates_masked: bool
    originals_kept_until: AwareDatetime


class DeptPart(Part):
    """主管部门: the unit responsible, where it is known."""

    code18: str
    name: str


class LimitPart(Part):
    """处置时限, as a hint: cities set their own."""

    type: Literal["urgent_hour", "work_hour", "work_day", "natural_day"]
    value: float
    text: str


class Case(Part):
    """One incident as its receiver gets it; `id` is the incident's, for ever."""

    format: Literal["kerbwatch.case/1"] = "kerbwatch.case/1"
    id: str
    state: Literal["new", "updated", "cleared"]
    matter: MatterPart
    source: SourcePart
    place: PlacePart
    time: TimePart
    evidence: list[EvidenceItem]
    detections: list[DetectionPart]
    rule: RulePart
    model: ModelInfo
    dept: DeptPart | None = None
    limit: LimitPart | None = None
    review: ReviewPart = ReviewPart()
    dedup: DedupPart
    privacy: PrivacyPart


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
) -> Case:
    """The case document of an incident as of one change.

    Args:
        evidence: pictures of this change; the store keeps those of earlier ones.
        reported: wall time of the filing, aware.
    """
    code = site.codes.code(incident.matter, incident.label, zone.kind)
    rule = incident.rule
    return Case(
        id=incident.id,
        state=event,
        matter=_matter(incident, code, site.division),
        source=SourcePart(channel_id=camera.id, camera_gb_id=camera.gb_id, camera_name=camera.name),
        place=_place(camera, site.division),
        time=_times(incident, reported, site.tz),
        evidence=list(evidence),
        detections=[
            DetectionPart(
                label=incident.label,
                conf=round(incident.score, 4),
                bbox=_xywh(incident.box),
                dwell_s=round(incident.dwell_s, 1),
                looks=incident.looks,
                hits=incident.hits,
                roi=RoiPart(id=zone.id, name=zone.name, type=zone.kind),
            )
        ],
        rule=RulePart(
            id=rule.id,
            dwell_s=rule.dwell_s,
            overlap=rule.overlap,
            presence=rule.presence,
            clear_s=rule.clear_s,
        ),
        model=model,
        dedup=DedupPart(key=f"{camera.id}|{zone.id}|{incident.matter}"),
        privacy=PrivacyPart(
            faces_masked=site.privacy.heads and all(item.masked for item in evidence),
            plates_masked=site.privacy.plates and all(item.masked for item in evidence),
            originals_kept_until=_local(
                reported + timedelta(seconds=site.privacy.keep_originals_s), site.tz
            ),
        ),
    )


def _matter(incident: Incident, code: Code, division: str | None) -> MatterPart:
    return MatterPart(
        standard_ref=code.standard_ref,
        matter=incident.matter,
        code5=code.code5,
        code11=code.code11(division),
        name_zh=code.name_zh,
        name_en=code.name_en,
        legacy_2013=code.legacy_2013,
        is_local_extension=code.is_local_extension,
        alternatives=[
            CodeChoice(code5=other.code5, name_zh=other.name_zh, name_en=other.name_en)
            for other in code.alternatives
        ],
    )


def _place(camera: Camera, division: str | None) -> PlacePart:
    known = camera.lon is not None
    return PlacePart(
        division6=division,
        community12=camera.community,
        grid15=camera.grid,
        address=camera.address,
        lon=camera.lon,
        lat=camera.lat,
        coord_sys=camera.coord_sys if known else None,
    )


def _times(incident: Incident, reported: datetime, tz: ZoneInfo) -> TimePart:
    return TimePart(
        first_seen=_local(incident.first_seen, tz),
        confirmed=_local(incident.confirmed_at, tz),
        last_seen=_local(incident.last_seen, tz),
        cleared=_local(incident.cleared_at, tz) if incident.cleared_at else None,
        reported=_local(reported, tz),
    )


def _local(time: datetime, tz: ZoneInfo) -> datetime:
    """On the site's clock, to the millisecond."""
    return time.astimezone(tz).replace(microsecond=time.microsecond // 1000 * 1000)


def _xywh(box: Box) -> tuple[float, float, float, float]:
    x, y, width, height = box.x1, box.y1, box.width, box.height
    return round(x, 1), round(y, 1), round(width, 1), round(height, 1)
