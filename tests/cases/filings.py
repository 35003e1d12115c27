"""Cases made by hand, and a small site to file them at."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cv.cases.case import Case, EvidenceItem, MaskCounts, ModelInfo, case_from_incident
from cv.codes import edition
from cv.detect.incident import Event, Incident, incident_id
from cv.geometry import Box
from cv.labels import Matter, ZoneKind
from cv.site import Camera, Privacy, Reporting, Rule, Site, Zone

START = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)
MODEL = ModelInfo(name="kerbwatch-n", version="0.1", sha256="ab" * 32)
KERB = Zone("kerb", "路缘 Kerb", ZoneKind.LANE, ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
GATE = Camera(
    id="gate",
    name="东门 Gate",
    gb_id="42100200001320000001",
    lon=112.2551,
    lat=30.3126,
    address="北京路侧街东侧",
    community="421002001001",
    grid="421002001001001",
    zones=(KERB,),
)


def site_in(data: Path, **reporting: Any) -> Site:
    return Site(
        name="沙市 Test",
        division="421002",
        tz=ZoneInfo("Asia/Shanghai"),
        codes=edition("GB/T 47678.5-2026"),
        cameras=(GATE,),
        reporting=Reporting(data=data, **reporting),
        privacy=Privacy(),
    )


def incident(number: int = 0, *, seen_s: float = 300, cleared: bool = False) -> Incident:
    """The incident of this number: places and beginnings differ.

    Args:
        seen_s: seconds from its beginning to its latest sighting.
    """
    first = START + timedelta(minutes=number)
    return Incident(
        id=incident_id("gate", "kerb", Matter.BLOCKED_LANE, first, 0),
        state="cleared" if cleared else "open",
        matter=Matter.BLOCKED_LANE,
        label="car",
        camera="gate",
        zone="kerb",
        first_seen=first,
        confirmed_at=first + timedelta(seconds=300),
        last_seen=first + timedelta(seconds=seen_s),
        cleared_at=first + timedelta(seconds=seen_s + 600) if cleared else None,
        first_box=Box(100 * number, 100, 100 * number + 80, 160),
        box=Box(100 * number, 100, 100 * number + 80, 160),
        score=0.81,
        looks=300,
        hits=290,
        rule=Rule("lane/car", 300, 0.5, 0.6, 600),
        size=(1920, 1080),
        dwell_s=seen_s,
    )


def case_of(
    site: Site,
    number: int = 0,
    event: Event = "new",
    *,
    seen_s: float = 300,
    evidence: tuple[EvidenceItem, ...] = (),
) -> Case:
    return case_from_incident(
        incident(number, seen_s=seen_s, cleared=event == "cleared"),
        site=site,
        camera=GATE,
        zone=KERB,
        evidence=evidence,
        model=MODEL,
        reported=START + timedelta(hours=1),
        event=event,
    )


def picture(
    site: Site,
    number: int = 0,
    role: str = "scene",
    *,
    suffix: str = "",
    masked: bool = True,
    content: bytes = b"a masked picture",
    taken: datetime | None = None,
) -> EvidenceItem:
    """A picture in the data folder, as the evidence folder would leave it."""
    shown = incident(number)
    case_id = shown.id
    file = f"evidence/{case_id}/{role}{suffix}.jpg" if masked else f"originals/gate/{role}.jpg"
    path = site.reporting.data / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return EvidenceItem.model_validate(
        {
            "id": f"{case_id}/{role}{suffix}",
            "role": role,
            "taken": taken or (shown.first_seen if role == "before" else shown.confirmed_at),
            "file": file,
            "sha256": hashlib.sha256(content).hexdigest(),
            "mime": "image/jpeg",
            "w": 640,
            "h": 360,
            "masked": masked,
            "mask_counts": MaskCounts(heads=2 if masked else 0),
        }
    )
