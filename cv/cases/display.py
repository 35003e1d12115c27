"""How cases and deliveries look in a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from cv.cases.case import Case, EvidenceItem
from cv.cases.deliveries import DeliveryRecord
from cv.cases.outbox import DeliveryReport
from cv.cases.parts import ClosurePart, ReportPart, ReviewPart, RulePart
from cv.cases.store import StoredCase
from cv.cases.wording import levels_in_words, limit_in_words
from cv.detect.evidence import span
from cv.plain_text import one_line, plain_text
from cv.site import Site
from cv.tables import plain_table

__all__ = [
    "case_document",
    "case_facts",
    "case_table",
    "delivery_table",
    "plural",
    "report_sentence",
]


def case_document(stored: StoredCase, site: Site) -> dict[str, Any]:
    """A case as JSON, with the receiver's number and its deliveries."""

    def local(moment: datetime | None) -> str | None:
        return moment.astimezone(site.tz).isoformat(timespec="milliseconds") if moment else None

    deliveries = [
        {
            "key": d.key,
            "target": d.target,
            "event": d.event,
            "state": d.state,
            "attempts": d.attempts,
            "next_at": local(d.next_at) if d.state == "pending" else None,
            "delivered_at": local(d.delivered_at),
            "last_error": d.last_error,
            "number": d.number,
        }
        for d in stored.deliveries
    ]
    case = stored.case.model_dump(mode="json")
    return {
        **case,
        "number": stored.number,
        "filed_at": local(stored.filed_at),
        "deliveries": deliveries,
    }


def case_table(found: Sequence[StoredCase], site: Site) -> Table:
    """One row a case."""
    columns = ("id", "matter", "camera/zone", "first seen", "state", "delivery")
    table = plain_table(*columns, whole=("id", "matter", "first seen", "state"))
    for stored in found:
        case = stored.case
        first, last = case.time.first_seen, case.time.last_seen
        table.add_row(
            case.id[:11],
            f"{case.matter.matter}\n{case.matter.code5} {case.matter.name_zh}",
            escape(_where(case)),
            f"{first.astimezone(site.tz):%Y-%m-%d}\n{first.astimezone(site.tz):%H:%M:%S}",
            f"{_state(case)}\n{case.review.state}\n{span((last - first).total_seconds())}",
            "\n".join(_standing(stored.deliveries)) or "-",
        )
    return table


def _standing(deliveries: Sequence[DeliveryRecord]) -> list[str]:
    """Per target the message that holds things up, else the latest."""
    shown = {d.target: d for d in deliveries if d.state != "superseded"}
    shown |= {d.target: d for d in reversed(deliveries) if d.state in ("pending", "held", "dead")}
    colours = {"delivered": "green", "dead": "red"}
    return [
        f"{target}: {d.event} [{colours.get(d.state, 'yellow')}]{d.state}[/]"
        + (f" ({d.attempts} tries)" if d.state != "delivered" and d.attempts else "")
        for target, d in shown.items()
    ]


def case_facts(stored: StoredCase, site: Site) -> Table:
    """What is known of a case, line by line."""
    case = stored.case
    place, time = case.place, case.time
    facts = Table(show_header=False, box=None)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    others = ", ".join(f"{a.code5} {a.name_zh}" for a in case.matter.alternatives)
    point = f"{place.lon:.6f}, {place.lat:.6f} {place.coord_sys}" if place.lon else ""
    rows: list[tuple[str, str]] = [
        ("id", case.id),
        ("number", stored.number or "none yet"),
        ("matter", f"{case.matter.code5} {case.matter.name_zh} {case.matter.name_en}"),
        ("by", f"{case.matter.standard_ref} ({case.matter.matter})"),
        ("or", others or "-"),
        ("state", f"{case.state}; {_review(case.review)}"),
        ("camera", f"{case.source.channel_id} {case.source.camera_name}"),
        *(("zone", f"{d.roi.id} {d.roi.name} ({d.roi.type})") for d in case.detections if d.roi),
        ("place", one_line(" ".join(filter(None, (place.address, point, place.grid15)))) or "-"),
        ("area", levels_in_words(place) or "-"),
        ("unit", f"{case.dept.name} {case.dept.code18}" if case.dept else "-"),
        ("limit", limit_in_words(case.limit) if case.limit else "-"),
        ("first seen", _local(time.first_seen, site)),
        ("last seen", _local(time.last_seen, site)),
        ("cleared", _local(time.cleared, site) if time.cleared else "-"),
        ("closed", _closed(case.closure, site) if case.closure else "-"),
        ("reported", _local(time.reported, site)),
        *(
            ("seen", f"{d.label} {d.conf:.2f}, in {d.hits} of {d.looks} looks")
            for d in case.detections
        ),
        *(("said", _report(report, site)) for report in case.reports),
        ("rule", _rule(case.rule) if case.rule else "none: a person decides"),
        ("model", f"{case.model.name} {case.model.version}" if case.model else "-"),
        *((item.role, _evidence(item, site)) for item in case.evidence),
    ]
    for name, value in rows:
        facts.add_row(name, escape(plain_text(value)))
    return facts


def _review(review: ReviewPart) -> str:
    under = f"filed under {review.code5}" if review.code5 else ""
    by = f"by {review.by}" if review.by else ""
    words = [review.state, review.reason or "", under, by]
    return " ".join(filter(None, words))


def delivery_table(deliveries: Sequence[DeliveryRecord], site: Site) -> Table:
    """One row a message."""
    columns = ("message", "target", "state", "tries", "delivered or next", "last error")
    table = plain_table(*columns, whole=columns[:4])
    for d in deliveries:
        moment = d.delivered_at or (d.next_at if d.state == "pending" else None)
        row = (
            d.key.partition(".")[2],
            d.target,
            d.state,
            str(d.attempts),
            _local(moment, site) if moment else "-",
            d.last_error or "",
        )
        table.add_row(*(escape(plain_text(cell)) for cell in row))
    return table


def report_sentence(report: DeliveryReport, site: Site) -> str:
    """What a round of deliveries did."""
    parts = [f"{plural(report.delivered, 'message')} delivered"]
    if report.failed:
        parts.append(f"{report.failed} failed")
    if report.dead:
        parts.append(f"{report.dead} given up (see kerbwatch cases list --dead)")
    if report.held:
        parts.append(f"{report.held} held for review (see kerbwatch cases list --held)")
    if report.closed:
        parts.append(f"{plural(report.closed, 'case')} closed at the city's desk")
    if report.pending:
        due = f", next at {_local(report.next_at, site)}" if report.next_at else ""
        parts.append(f"{report.pending} waiting{due}")
    return ", ".join(parts)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _where(case: Case) -> str:
    """Camera and zone, or the channel of a citizen's report."""
    roi = case.detections[0].roi if case.detections else None
    return f"{case.source.channel_id}/{roi.id}" if roi else case.source.channel_id


def _state(case: Case) -> str:
    """As long as a camera sees it, it is there, whatever the city says."""
    if case.state == "cleared":
        return "cleared"
    return "closed" if case.closure else "open"


def _closed(closure: ClosurePart, site: Site) -> str:
    by = f"by {closure.by}" if closure.by else ""
    return " ".join(filter(None, (_local(closure.at, site), by, closure.note)))


def _report(report: ReportPart, site: Site) -> str:
    address = one_line(report.address or "")
    words = (_local(report.captured, site), report.id, address, report.description)
    return " · ".join(filter(None, words))


def _rule(rule: RulePart) -> str:
    return (
        f"{rule.id}: stays {span(rule.dwell_s)}, {rule.overlap:.0%} inside, seen in "
        f"{rule.presence:.0%} of the looks, {rule.active}"
    )


def _evidence(item: EvidenceItem, site: Site) -> str:
    path = site.reporting.data / item.file if item.file else "-"
    masked = f"masked: {item.mask_counts.heads} heads, {item.mask_counts.plates} plates"
    said = item.withheld or masked if item.masked else "NOT MASKED, withheld"
    return f"{path} ({said})"


def _local(moment: datetime, site: Site) -> str:
    return moment.astimezone(site.tz).isoformat(sep=" ", timespec="seconds")
