"""Cases from citizens: a report opens one, or joins the open case about the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy.orm import Session

from cv.cases.case import Case, EvidenceItem, ModelInfo, local, matter_part, privacy_part
from cv.cases.continued import continued, masks_more
from cv.cases.engine import take_turns
from cv.cases.nearby import Sighting, open_near
from cv.cases.parts import (
    DedupPart,
    DetectionPart,
    GivenPointPart,
    PlacePart,
    ReportPart,
    SourcePart,
    TimePart,
)
from cv.cases.routing import dept_of, level_names, limit_of
from cv.codes import Code
from cv.detect.incident import incident_id
from cv.labels import Matter
from cv.site import PhotoSettings, Site

__all__ = [
    "CHANNELS",
    "MOST_REPORTS",
    "Channel",
    "GivenPoint",
    "adopted",
    "case_from_report",
    "code_for",
    "joinable",
    "joined",
    "only_reported",
    "take_turns_nearby",
    "under",
]

Channel = Literal["_photos", "_open311"]
CHANNELS: dict[Channel, str] = {"_photos": "随手拍 citizens' photos", "_open311": "Open311"}
"""How a report came, with the channel's name. No camera's id begins with an underscore."""
MOST_REPORTS = 20
"""Of one case. What comes after them is kept by itself, and tells nobody anything new."""

_MOST_WITH_PICTURES = 5
_LIKELIEST: dict[Matter, str] = {Matter.BLOCKED_LANE: "car"}
"""What stands there, if a citizen names a matter and no model saw what: its code depends on it."""
_TURNS = 0x6B657270


@dataclass(frozen=True, slots=True)
class GivenPoint:
    """Where a citizen says that it is, degrees in `coord_sys`; `given` is as it came, if it was
    converted.
    """

    lon: float
    lat: float
    coord_sys: Literal["CGCS2000", "WGS84"]
    given: GivenPointPart | None = None


def code_for(site: Site, matter: Matter, label: str | None) -> Code:
    """The site's code for a matter that a citizen names, or that a model suggests by a label."""
    return site.codes.code(matter, label or _LIKELIEST.get(matter, ""), None)


def case_from_report(
    report: ReportPart,
    *,
    site: Site,
    matter: Matter,
    code: Code,
    channel: Channel,
    point: GivenPoint | None,
    reported: datetime,
    evidence: Sequence[EvidenceItem] = (),
    detection: DetectionPart | None = None,
    model: ModelInfo | None = None,
) -> Case:
    """The case that a report is by itself; its id is the report's.

    Args:
        point: None: the report says in words where it is.
        reported: wall time, aware. Nothing is seen after it, whatever the sender's clock says.
        detection: what the model saw of the matter, in the first picture of the evidence.
    """
    moment = local(min(report.captured, reported), site.tz)
    place = _place(point, report.address, site)
    return Case(
        id=report.id,
        state="new",
        matter=matter_part(matter, code, site.division),
        source=SourcePart(
            kind="群众上报",
            site=site.name,
            channel_id=channel,
            camera_gb_id=None,
            camera_name=CHANNELS[channel],
        ),
        place=place,
        time=TimePart(
            first_seen=moment,
            confirmed=local(reported, site.tz),
            last_seen=moment,
            cleared=None,
            captured=moment,
            reported=local(reported, site.tz),
        ),
        evidence=tuple(evidence),
        detections=(detection,) if detection else (),
        reports=(report.model_copy(update={"captured": moment}),),
        rule=None,
        model=model,
        dept=dept_of(site, code.code5, place),
        limit=limit_of(site, code.code5, reported),
        dedup=DedupPart(key=f"{channel}|{matter}|{report.id}", window_s=round(site.photos.time_s)),
        privacy=privacy_part(site, reported),
    )


def take_turns_nearby(session: Session) -> None:
    """Until this transaction ends, nobody else looks for an open case and files what it finds.

    Before it locks anything else: who waits for this holds nothing that its holder may want.
    """
    take_turns(session.connection(), _TURNS)


def only_reported(
    session: Session, seen: Sighting, matter: str, within: PhotoSettings
) -> str | None:
    """The id of the nearest open case about the same thing that only citizens saw so far."""
    near = open_near(session, seen, frozenset({matter}), within)
    return next((n.case.id for n in near if not n.case.is_watched), None)


def joinable(session: Session, case: Case, site: Site) -> Case | None:
    """The open case about the same thing as a report's: the nearest, a camera's before others.

    Within a transaction that writes: reports, and cameras' new cases, that come at the same
    moment take turns.
    """
    if case.place.lon is None or case.place.lat is None:
        return None
    take_turns_nearby(session)
    seen = Sighting(case.place.lon, case.place.lat, case.time.first_seen, case.time.last_seen)
    near = open_near(session, seen, frozenset({case.matter.matter}), site.photos)
    found = [n.case for n in near if n.case.id != case.id]
    return next((known for known in found if known.is_watched), next(iter(found), None))


def joined(known: Case, report: Case) -> Case | None:
    """A case with what a report adds; None where that is nothing new.

    What a camera says of its case stays: when it was seen, and where. Pictures are taken from the
    first few reports only. They are withheld if less is masked in them than the document says.
    """
    news = [r for r in report.reports if r.id not in {have.id for have in known.reports}]
    if not news or len(known.reports) >= MOST_REPORTS:
        return None
    shows = len(known.reports) < _MOST_WITH_PICTURES
    have = {item.sha256 for item in known.evidence}
    pictures = [item for item in report.evidence if shows and item.sha256 not in have]
    if masks_more(known.privacy, report.privacy):
        pictures = [item.model_copy(update={"withheld": "not masked"}) for item in pictures]
    time = {"reported": report.time.reported}
    if not known.is_watched:
        time["first_seen"] = min(known.time.first_seen, report.time.first_seen)
        time["last_seen"] = max(known.time.last_seen, report.time.last_seen)
        time["captured"] = time["last_seen"]
    return known.model_copy(
        update={
            "state": "updated",
            "evidence": (*known.evidence, *pictures),
            "reports": (*known.reports, *news),
            "time": known.time.model_copy(update=time),
            "dedup": _merged(known.dedup, *(r.id for r in news)),
        }
    )


def adopted(case: Case, known: Case) -> Case:
    """A camera's case that goes on under the id of a report about the same thing."""
    alone = case.id if case.id != known.id else _alone(case)
    on = continued(case, known)
    time = {
        "first_seen": min(case.time.first_seen, known.time.first_seen),
        "last_seen": max(case.time.last_seen, known.time.last_seen),
    }
    return on.model_copy(
        update={
            "state": "updated" if case.state == "new" else case.state,
            "time": on.time.model_copy(update=time),
            "dedup": _merged(known.dedup, alone),
        }
    )


def under(case: Case, case_id: str) -> Case:
    """A camera's case by another id, and so are its pictures; their files stay where they are."""
    own = f"{case.id}/"
    evidence = tuple(
        item.model_copy(update={"id": f"{case_id}/{item.id.removeprefix(own)}"})
        for item in case.evidence
    )
    return case.model_copy(update={"id": case_id, "evidence": evidence})


def _alone(case: Case) -> str:
    """The id that a camera's case would have, had no citizen reported it before."""
    roi = case.detections[0].roi
    return incident_id(
        case.source.channel_id,
        roi.id if roi else "",
        case.matter.matter,
        case.time.first_seen.astimezone(UTC),
        0,
    )


def _merged(dedup: DedupPart, *ids: str) -> DedupPart:
    return dedup.model_copy(update={"merged_ids": (*dedup.merged_ids, *ids)})


def _place(point: GivenPoint | None, address: str | None, site: Site) -> PlacePart:
    found = site.places.find(point.lon, point.lat) if point and site.places else None
    community = found.community if found else None
    return PlacePart(
        division6=site.division or (community or "")[:6] or None,
        street9=(community or "")[:9] or None,
        community12=community,
        grid15=found.grid if found else None,
        address=address[:256] if address else None,
        lon=point.lon if point else None,
        lat=point.lat if point else None,
        coord_sys=point.coord_sys if point else None,
        method="report",
        given=point.given if point else None,
        outside_m=round(found.distance_m, 1) if found else None,
        **level_names(found, community),
    )
