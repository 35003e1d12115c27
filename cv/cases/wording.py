"""A case in words, for receivers that show text to people.

Each fact is on a line of its own. What citizens wrote never begins one: what was stored before
forms were read so may still have lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cv.cases.case import Case
from cv.cases.parts import LimitPart, PlacePart
from cv.cases.review import REASONS_ZH, RejectReason
from cv.plain_text import one_line

__all__ = ["description", "headline", "levels_in_words", "limit_in_words"]

_EVENTS = {
    "new": "发现 Found",
    "updated": "仍在原处 Still there",
    "cleared": "已消除 Cleared",
}


def headline(case: Case) -> str:
    """What and where, on one line."""
    where = one_line(case.place.address or "") or case.source.camera_name
    return f"{case.matter.name_zh} {case.matter.name_en}: {where}"


def description(case: Case) -> str:
    """What a person at the receiver's desk needs to know of this change; plain text."""
    matter = case.matter
    lines = [
        f"{_event(case)}: {headline(case)}",
        f"Code: {matter.code11 or matter.code5} ({matter.standard_ref})",
        f"Place: {_place(case)}",
        *_routed(case),
        *_seen_by(case),
        f"First seen: {_time(case.time.first_seen)}",
        f"Last seen: {_time(case.time.last_seen)}",
        *([f"Cleared: {_time(case.time.cleared)}"] if case.time.cleared else []),
        *([f"Closed: {_time(case.closure.at)}"] if case.closure else []),
        *_seen_as(case),
        *_reports(case),
        f"Review: {_review(case)}",
        *_pictures(case),
        f"Case: {case.id}",
    ]
    return "\n".join(lines)


def _event(case: Case) -> str:
    """Of what no camera has seen since somebody ended it nobody knows whether it is still there."""
    closure = case.closure
    if case.state != "cleared" and case.review.state == "rejected":
        return "不予立案 Rejected"
    if case.state != "cleared" and closure is not None:
        seen_since = case.is_watched and case.time.last_seen > closure.at
        return _EVENTS[case.state] if seen_since else "已结案 Closed"
    return _EVENTS[case.state]


def _seen_by(case: Case) -> Iterable[str]:
    if not case.is_watched:
        yield f"Reported by: {case.source.camera_name}"
        return
    name = f"Camera: {case.source.camera_name} ({case.source.channel_id})"
    roi = case.detections[0].roi
    yield f"{name}, zone {roi.name} ({roi.id})" if roi else name


def _seen_as(case: Case) -> Iterable[str]:
    for seen in case.detections:
        looks = f", in {seen.hits} of {seen.looks} looks" if seen.roi else ""
        yield f"Seen as: {seen.label} {seen.conf:.2f}{looks}"


def _reports(case: Case) -> Iterable[str]:
    """What citizens said, each on a line of its own."""
    for report in case.reports:
        said = "; ".join(filter(None, (report.address, report.description)))
        yield f"Report {_time(report.captured)}: {one_line(said)[:400] or 'no words'}"


def _place(case: Case) -> str:
    place = case.place
    point = ""
    if place.lon is not None and place.lat is not None:
        point = f"{place.lon:.6f}, {place.lat:.6f} {place.coord_sys}"
    code = place.grid15 or place.community12
    address = one_line(place.address or "")
    return "; ".join(part for part in (address, point, code) if part) or "not given"


def _routed(case: Case) -> Iterable[str]:
    """What the city's map and tables say, as far as there are any."""
    levels = levels_in_words(case.place)
    if levels:
        yield f"Area: {levels}"
    if case.dept:
        yield f"Responsible: {case.dept.name} ({case.dept.code18})"
    if case.limit:
        yield f"Limit: {limit_in_words(case.limit)}"


def levels_in_words(place: PlacePart) -> str:
    """City, county, street and community by name, as far as they are known."""
    return " ".join(filter(None, (place.city, place.county, place.street, place.community)))


def limit_in_words(limit: LimitPart) -> str:
    """How long, and until when."""
    due = f", due {_time(limit.due)}" if limit.due else ""
    condition = f" ({limit.condition})" if limit.condition else ""
    return f"{limit.text}{condition}{due}"


def _review(case: Case) -> str:
    review = case.review
    if review.reason not in list(RejectReason):
        return review.state
    return f"{review.state}: {review.reason} {REASONS_ZH[RejectReason(review.reason)]}"


def _pictures(case: Case) -> Iterable[str]:
    for item in case.evidence:
        name = item.id.rpartition("/")[2]
        if item.withheld:
            yield f"Picture {name}: withheld, {item.withheld}"
        elif item.url:
            yield f"Picture {name}: {item.url}"


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
