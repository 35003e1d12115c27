"""A service request as anybody with a key may read it: never who reported it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cv.cases.case import Case
from cv.cases.impersonal import impersonal
from cv.cases.outgoing import Outgoing
from cv.cases.requested import Requested
from cv.cases.review import REASONS_ZH
from cv.cases.wording import headline
from cv.site import Site

__all__ = ["request_answer"]


def request_answer(
    request: Requested, site: Site, outgoing: Outgoing, now: datetime
) -> dict[str, Any]:
    """GET Service Request's fields; those that nobody knows are null.

    Args:
        now: aware; links expire later.
    """
    case = request.case
    _, code = site.codes.filed().get(request.code5, (None, None))
    name = f"{code.name_zh} {code.name_en}" if code else case.matter.name_zh

    def local(moment: datetime) -> str:
        return moment.astimezone(site.tz).isoformat(timespec="seconds")

    # What a camera or a photo shows is for the desk alone until somebody there has confirmed it.
    confirmed = case.review.state == "confirmed"
    pictures = outgoing.with_links(case, now).evidence if confirmed else ()
    return {
        "service_request_id": request.id,
        "status": "closed" if _is_closed(case) else "open",
        "status_notes": _notes(request),
        "service_name": name,
        "service_code": request.code5,
        "description": impersonal(request.description or headline(case)),
        "agency_responsible": case.dept.name if case.dept else None,
        "service_notice": case.limit.text if case.limit else None,
        "requested_datetime": local(request.requested),
        "updated_datetime": local(_updated(case)),
        "expected_datetime": local(case.limit.due) if case.limit and case.limit.due else None,
        "address": impersonal(request.address) if request.address else None,
        "address_id": None,
        "zipcode": None,
        "lat": request.lat,
        "long": request.lon,
        "media_url": next((item.url for item in pictures if item.url), None),
    }


def _is_closed(case: Case) -> bool:
    return case.state == "cleared" or case.review.state == "rejected" or case.closure is not None


def _notes(request: Requested) -> str:
    """Where it stands, for the citizen."""
    case, review = request.case, request.case.review
    if review.state == "rejected":
        reasons = {str(reason): words for reason, words in REASONS_ZH.items()}
        note = f"不予立案：{reasons.get(review.reason or '', '')} Not accepted: {review.reason}"
    elif case.closure is not None:
        note = "已结案 Closed"
    elif case.state == "cleared":
        note = "已消除 Gone"
    elif review.state == "confirmed":
        note = "已核实 Confirmed"
    else:
        note = "已受理，待核实 Received, not reviewed yet"
    if request.id != case.id:
        note += f"；已并入 joined to {case.id}"
    if request.number:
        note += f"；案件编号 case number {request.number}"
    return note


def _updated(case: Case) -> datetime:
    """When somebody, or the watch, had something to say of it last."""
    closed = case.closure.at if case.closure else None
    return max(filter(None, (case.time.reported, case.review.at, closed)))
