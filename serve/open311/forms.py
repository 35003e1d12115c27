"""What clients ask with: dates, lists, and the form of a new request."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import inf
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, Field
from starlette.requests import Request

from cv.cases.reported import GivenPoint
from cv.cases.requested import MOST_REQUESTS, Wanted
from cv.cases.requests import NewRequest
from cv.plain_text import one_line, plain_text
from cv.plausible_place import is_place
from cv.plausible_time import clamped
from cv.site import Site
from serve.open311.errors import RefusedError
from serve.parameter_types import degrees

__all__ = ["CONTACT", "FORM", "RequestQuery", "listed", "new_request", "read_form", "wanted"]

FORM = "application/x-www-form-urlencoded"
CONTACT = ("email", "device_id", "account_id", "first_name", "last_name", "phone")
"""What a citizen may say of themselves."""

_LONGEST_DESCRIPTION = 4000
_LONGEST_SPAN = timedelta(days=90)
_MOST_FIELDS = 100
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?")
_NAME = re.compile(r"[a-z0-9-]{1,63}")


class RequestQuery(BaseModel):
    """What a list of requests is asked for with."""

    service_request_id: str | None = Field(
        None, description="Ids with commas between; then nothing else counts."
    )
    service_code: str | None = Field(None, description="Codes with commas between.")
    start_date: str | None = Field(
        None,
        examples=["2026-03-14T00:00:00Z"],
        json_schema_extra={"pattern": f"^({_TIME.pattern})?$"},
    )
    end_date: str | None = Field(
        None,
        examples=["2026-03-15T00:00:00Z"],
        json_schema_extra={"pattern": f"^({_TIME.pattern})?$"},
    )
    status: str | None = Field(
        None, description="open, closed, or both with a comma.", examples=["open"]
    )


def wanted(query: RequestQuery, now: datetime) -> Wanted:
    """Which requests; at most 90 days of them, the latest if nobody says.

    Raises:
        RefusedError: 400, a date or status that is none, or too long a span.
    """
    first, last = _moment("start_date", query.start_date), _moment("end_date", query.end_date)
    if last is None:
        last = now if first is None else max(first, min(now, first + _LONGEST_SPAN))
    if first is None:
        first = last - _LONGEST_SPAN
    if last - first > _LONGEST_SPAN:
        raise RefusedError(400, "start_date and end_date: 90 days at most", "时间跨度最多 90 天")
    statuses = listed(query.status)
    if query.status and not (statuses and {*statuses} <= {"open", "closed"}):
        raise RefusedError(400, "status: open or closed", "status 只能是 open 或 closed")
    return Wanted(first, last, listed(query.service_code), statuses)


def listed(text: str | None) -> list[str] | None:
    """What stands between commas, but for what is neither a code nor an id; None for nothing."""
    if not text:
        return None
    parts = (part.strip() for part in text.split(","))
    return [part for part in parts if _NAME.fullmatch(part)][:MOST_REQUESTS]


def _moment(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    # A plus sign that was not escaped arrives as a blank.
    given = re.sub(r" (?=\d\d:\d\d$)", "+", text)
    try:
        if not _TIME.fullmatch(given):
            raise ValueError
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise RefusedError(
            400,
            f"{name}: write 2010-01-01T00:00:00Z, with the time zone",
            f"{name} 须为带时区的时间，如 2010-01-01T00:00:00Z",
        ) from None
    return clamped(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


async def read_form(request: Request) -> dict[str, str]:
    """The form's fields, without those that are empty, and without attributes: no service has any.

    Nothing in them does not print, and only the description has lines.

    Raises:
        RefusedError: 400, it is none, or not UTF-8.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise RefusedError(400, f"send {FORM}; charset=utf-8", f"请以 {FORM} 提交")
    try:
        body = (await request.body()).decode()
        pairs = parse_qsl(body, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise RefusedError(400, "the form is not UTF-8, or too long", "表单无法解析") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        text = plain_text(value) if name == "description" else one_line(value)
        if text and not name.startswith("attribute["):
            if name in fields:
                raise RefusedError(400, f"{name}: given twice", f"字段 {name} 重复")
            fields[name] = text
    return fields


def new_request(form: dict[str, str], site: Site, client: str, key: str | None) -> NewRequest:
    """Check a posted form; all that it says is in the request.

    Raises:
        RefusedError: 400, a field is missing or wrong; 404, there is no such service.
    """
    code5 = form.get("service_code")
    if code5 is None:
        raise RefusedError(400, "service_code was not provided", "缺少 service_code")
    filed = site.codes.filed().get(code5)
    if filed is None:
        raise RefusedError(404, "service_code was not found", "没有该 service_code")
    point, address = _point(form), _limited(form, "address_string", 256)
    if point is None and address is None:
        raise RefusedError(
            400, "a location is missing: lat and long, or address_string", "缺少位置信息"
        )
    matter, code = filed
    contact = {name: _limited(form, name, 200) for name in CONTACT}
    return NewRequest(
        client=client,
        key=key,
        matter=matter,
        code=code,
        point=point,
        address=address,
        description=_limited(form, "description", _LONGEST_DESCRIPTION),
        media_url=_web_address(form),
        contact={name: text for name, text in contact.items() if text},
    )


def _limited(form: dict[str, str], name: str, most: int) -> str | None:
    text = form.get(name)
    if text is not None and len(text) > most:
        raise RefusedError(400, f"{name}: {most} characters at most", f"{name} 最多 {most} 个字符")
    return text


def _point(form: dict[str, str]) -> GivenPoint | None:
    if "lat" not in form and "long" not in form:
        return None
    lat, lon = _degrees(form, "lat", 90), _degrees(form, "long", 180)
    return GivenPoint(lon, lat, "WGS84") if is_place(lon, lat) else None


def _degrees(form: dict[str, str], name: str, most: float) -> float:
    try:
        given = degrees(form.get(name, ""))
    except ValueError:
        given = inf
    if abs(given) > most:
        raise RefusedError(
            400,
            f"{name}: a number of WGS84 degrees; lat and long go together",
            f"{name} 须为 WGS84 坐标（度），lat 与 long 须同时提供",
        )
    return given


def _web_address(form: dict[str, str]) -> str | None:
    """Kept as text for the desk. Nothing here ever fetches it."""
    text = _limited(form, "media_url", 2000)
    try:
        usable = text is None or urlsplit(text).scheme in ("http", "https")
    except ValueError:
        usable = False
    if not usable:
        raise RefusedError(400, "media_url: an http(s) address", "media_url 须为 http(s) 地址")
    return text
