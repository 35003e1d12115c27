"""The values that may be written in a site file, each with what is said when it is wrong.

No message shows a URL, which may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, InstanceOf, Strict, ValidationInfo

from cv.disk import parse_size
from cv.durations import format_duration, parse_duration
from cv.errors import SourceError, UserError
from cv.labels import Matter, ZoneKind
from cv.site.errors import not_allowed, shown
from cv.site.polygon import sound_polygon
from cv.site.schedule import Schedule
from cv.source_url import SCHEMES, SourceUrl

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_T = TypeVar("_T")


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > 256:
        raise ValueError("must be 1 to 256 characters on one line")
    return value.strip()


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value):
        raise ValueError(
            f"{shown(value)} is not allowed; write lower-case letters, digits, - and _ "
            "(it becomes part of file names)"
        )
    return value


def digits(count: int) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(rf"[0-9]{{{count}}}", value):
            raise ValueError(f"{shown(value)} is not {count} digits")
        return value

    return AfterValidator(check)


def one_of(*allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(not_allowed(value, allowed))
        return value

    return AfterValidator(check)


def between(low: float, high: float, *, hint: str = "") -> AfterValidator:
    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"{value:g} is out of range; allowed are {low:g} to {high:g}{hint}")
        return value

    return AfterValidator(check)


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{value:g} is out of range; write a share above 0 and up to 1")
    return value


def _duration(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a duration; write 90s, 5m, 2h, 30d or seconds")
    return _mended(lambda: parse_duration(value))


def _kept(value: object) -> float:
    """How long something is kept. A bare number is seconds, where people think of days."""
    seconds = _duration(value)
    bare = not isinstance(value, str) or value.strip()[-1:].isdigit()
    if bare and 0 < seconds < 86400:
        text = f"{seconds:g}"
        raise ValueError(f"{text} would be seconds; write {text}d if days are meant, or {text}s")
    return seconds


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be longer than 0s")
    return value


def _half_a_year(value: float) -> float:
    if value < 180 * 86400:
        raise ValueError(
            f"{format_duration(value)} is too short; 180d or more: "
            "such logs are kept for six months"
        )
    return value


def _hours(value: object) -> Schedule:
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str)]
    if not values:
        raise ValueError("is empty; leave it out for always, or write enabled = false")
    if len(texts) < len(values):
        raise ValueError('must be a list of texts such as "Mon-Fri 08:00-20:00"')
    return _mended(lambda: Schedule.parse(texts))


def _work_hours(value: object) -> Schedule:
    """Hours of a working day: without weekdays, in order, within one day."""
    if value == []:
        raise ValueError('is empty; leave it out, or write hours such as ["09:00-17:00"]')
    schedule = _hours(value)
    ends = [0]
    for window in schedule.windows:
        if window.days != tuple(range(7)):
            raise ValueError("must be hours without weekdays; days off are for `holidays`")
        if window.end_s <= window.start_s:
            raise ValueError(f"{window} goes over midnight; working hours are within a day")
        if window.start_s < ends[-1]:
            raise ValueError(f"{window} begins before the hours that stand before it end")
        ends.append(window.end_s)
    return schedule


def _mended(read: Callable[[], _T]) -> _T:
    """A user's mistake as pydantic wants it told."""
    try:
        return read()
    except UserError as error:
        raise ValueError(str(error)) from None


def _point(value: object) -> tuple[float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(type(number) in (int, float) for number in numbers):
        raise ValueError("must be a point [x, y]")
    x, y = numbers
    if not (0 <= x <= 1 and 0 <= y <= 1):
        hint = " (shares of width and height, not pixels)" if max(x, y) > 2 else ""
        raise ValueError(
            f"[{shown(x)}, {shown(y)}] is outside the picture; x and y are 0 to 1{hint}"
        )
    return float(x), float(y)


def _zone_kind(value: object) -> ZoneKind:
    if not isinstance(value, str) or value not in list(ZoneKind):
        raise ValueError(not_allowed(value, list(ZoneKind)))
    return ZoneKind(value)


def _timezone(value: object) -> ZoneInfo:
    known = available_timezones()
    if not isinstance(value, str) or value not in known:
        some = ("Asia/Shanghai", "Asia/Urumqi", "Europe/Berlin", "UTC")
        raise ValueError(not_allowed(value, known, listed=some))
    return ZoneInfo(value)


def _expanded(value: str, variables: Mapping[str, str]) -> str:
    """A URL with `${NAME}` replaced; in user and password with signs such as @ and / escaped."""
    scheme, _, rest = value.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host_at = len(scheme) + 3 + authority.rfind("@")

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if not _VARIABLE_NAME.fullmatch(name):
            raise ValueError("${...} must hold the name of an environment variable")
        if not variables.get(name):
            raise ValueError(f"environment variable {name} is not set")
        in_credentials = "@" in authority and match.end() <= host_at
        return quote(variables[name], safe="") if in_credentials else variables[name]

    return _VARIABLE.sub(replaced, value)


def _url(value: object, info: ValidationInfo, schemes: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    text = _expanded(value, (info.context or {}).get("variables", {}))
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ValueError(_no_url(schemes))
    return text


def _no_url(schemes: tuple[str, ...]) -> str:
    return (
        f"is no URL that can be opened; it begins with {', '.join(f'{s}://' for s in schemes)} "
        "and a host, and a password has %40 for @ and %2F for /"
    )


def _stream_url(value: object, info: ValidationInfo) -> SourceUrl:
    text = _url(value, info, SCHEMES)
    try:
        return SourceUrl(text)
    except SourceError:
        # Its message shows what it can of the URL; here nothing is shown.
        raise ValueError(_no_url(SCHEMES)) from None


def _web_url(value: object, info: ValidationInfo) -> str:
    return _url(value, info, ("http", "https"))


def _broker_url(value: object, info: ValidationInfo) -> str:
    text = _url(value, info, ("mqtt", "mqtts"))
    parts = urlsplit(text)
    if parts.username or parts.path.strip("/") or parts.query:
        raise ValueError("must be mqtt:// or mqtts://, a host and a port; user has its own key")
    return text


def _size(value: object) -> int:
    return _mended(lambda: parse_size(value))


def _database_url(value: object) -> str:
    text = value if isinstance(value, str) else ""
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgresql+psycopg") or not parts.path.strip("/"):
        raise ValueError("must be postgresql://user@host/database, or left out for a file")
    if _VARIABLE.search(text):
        raise ValueError("${...} is not replaced here; leave the password out and set PGPASSWORD")
    return text


def _services(value: object) -> dict[Matter, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('must be a table of service codes, as { blocked_lane = "007" }')
    for matter, code in value.items():
        if matter not in list(Matter):
            raise ValueError(not_allowed(matter, list(Matter)))
        if not isinstance(code, str) or not code.strip() or not code.isprintable():
            raise ValueError(f"{matter}: must be a service code in quotes")
    return {Matter(matter): code.strip() for matter, code in value.items()}


def _events(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of numbers, as { 09009 = 1 }")
    for code, event in value.items():
        if type(event) is not int or not 0 < event < 100_000:
            raise ValueError(f"{code}: must be a number from 1 to 99999, not {shown(event)}")
    return value


def _topic(value: str) -> str:
    if not re.fullmatch(r"[^\s+#$/][^\s+#]{0,200}(?<!/)", value):
        raise ValueError(f"{shown(value)} is no topic; it has no spaces, +, # and no / at its ends")
    return value


def _variable_name(value: str) -> str:
    if not _VARIABLE_NAME.fullmatch(value) or value.startswith("whsec_"):
        raise ValueError("must be the name of an environment variable, not the secret itself")
    return value


Text = Annotated[str, AfterValidator(_text)]
Id = Annotated[str, AfterValidator(_identifier)]
Number = Annotated[float, Strict()]
Share = Annotated[Number, AfterValidator(_share)]
Duration = Annotated[float, BeforeValidator(_duration)]
Keep = Annotated[float, BeforeValidator(_kept)]
LogDuration = Annotated[Duration, AfterValidator(_half_a_year)]
Time = Annotated[Duration, AfterValidator(_positive)]
Every = Annotated[Time, between(0.01, 86400)]
Hours = Annotated[InstanceOf[Schedule], BeforeValidator(_hours)]
WorkHours = Annotated[InstanceOf[Schedule], BeforeValidator(_work_hours)]
ZonePoint = Annotated[tuple[float, float], BeforeValidator(_point)]
WebUrl = Annotated[str, BeforeValidator(_web_url)]
ZonePolygon = Annotated[list[ZonePoint], AfterValidator(sound_polygon)]
Kind = Annotated[ZoneKind, BeforeValidator(_zone_kind)]
TimeZone = Annotated[InstanceOf[ZoneInfo], BeforeValidator(_timezone)]
StreamUrl = Annotated[InstanceOf[SourceUrl], BeforeValidator(_stream_url)]
Size = Annotated[int, BeforeValidator(_size)]
DatabaseUrl = Annotated[str, BeforeValidator(_database_url)]
BrokerUrl = Annotated[str, BeforeValidator(_broker_url)]
Services = Annotated[dict[Matter, str], BeforeValidator(_services)]
Events = Annotated[dict[str, int], BeforeValidator(_events)]
Topic = Annotated[str, AfterValidator(_topic)]
VariableName = Annotated[str, AfterValidator(_variable_name)]
