"""Open311: a case becomes a service request of a GeoReport v2 endpoint, in JSON.

GeoReport has no updates and no closing by the reporter: only the first message of a case is posted;
later ones are counted as delivered without a word to the endpoint. What its desk closed is read.
And it has no idempotency key: the case's id stands in the description, and a request with it is
looked for before one is made. An endpoint that lists requests only after moderation may so get a
case twice, if an answer was lost, unless it knows the header `Idempotency-Key`, which ours does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

from cv.cases.case import Case
from cv.cases.conversation import Answer, Conversation, Endpoint, number_of
from cv.cases.impersonal import impersonal_case
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.cases.recoding import matter_of
from cv.cases.targets import Message, Receipt, secret
from cv.cases.wording import description
from cv.errors import DeliveryError
from cv.labels import Matter
from cv.site import Open311 as Settings

__all__ = ["Open311Target"]

_LONGEST_DESCRIPTION = 4000
_LONGEST_ANSWER = 8 * 1024 * 1024
"""Of a list of requests: 1000 at most, says the specification."""
_CLOCKS_DIFFER = timedelta(hours=1)
_TOKEN = "token "  # noqa: S105 - begins what stands for a number
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GONE)
_DUPLICATE = ("duplicate", "already")


class Open311Target:
    """Posts cases as service requests.

    Args:
        key: the api_key.
        outgoing: what may leave; pictures are links.
    """

    name = "open311"

    def __init__(self, settings: Settings, key: str, outgoing: Outgoing) -> None:
        self._endpoint = Endpoint(settings.url, settings.timeout_s, (key,), _LONGEST_ANSWER)
        self._settings = settings
        self._key = key
        # The specification wants no key for reading; endpoints like ours tell nobody without one.
        self._asking = {"x-api-key": key}
        self._outgoing = outgoing

    @classmethod
    def of(cls, settings: Settings, outgoing: Outgoing) -> Self:
        return cls(settings, secret(settings.secret_env), outgoing)

    def deliver(self, message: Message) -> Receipt:
        talk = Conversation(self._endpoint)
        number = message.number
        if message.event == "new" and number is None:
            form = self._form(message.case)
            number = self._found(talk, message.case, form["service_code"])
            number = number or self._posted(talk, message, form)
        if number is not None and number.startswith(_TOKEN):
            number = self._exchanged(talk, number)
        return Receipt(number)

    def closures(self, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
        """By the requests' status; an endpoint need not list old ones."""
        known = [number for number in numbers if not number.startswith(_TOKEN)]
        if not known:
            return {}
        wanted = {"service_request_id": ",".join(known), **self._jurisdiction()}
        talk = Conversation(self._endpoint)
        answer = talk.checked(
            talk.call("GET", "/requests.json", headers=self._asking, params=wanted)
        )
        found: dict[str, ClosurePart | None] = {}
        for row in _objects(talk.checked(answer).json()):
            number, notes = number_of(row.get("service_request_id")), row.get("status_notes")
            if number not in known:
                continue
            if row.get("status") == "open":
                found[number] = None
            elif row.get("status") == "closed":
                note = self._endpoint.safe(notes)[:1000] if notes else None
                at = _moment(row.get("updated_datetime"))
                found[number] = ClosurePart(at=at, by=self.name, note=note)
        return found

    def close(self) -> None:
        """Nothing stays open."""

    def _form(self, case: Case) -> dict[str, str]:
        """The request's fields.

        Raises:
            DeliveryError: the endpoint has no service for the matter, or the camera no place.
        """
        chosen = matter_of(case) if case.review.code5 else None
        matter = chosen or Matter(case.matter.matter)
        service = self._settings.services.get(matter)
        if service is None:
            raise _refused(f"reporting.open311.services has no {matter}")
        now = datetime.now(UTC)
        # Whoever asks the endpoint for its requests is told all of this.
        shown = impersonal_case(self._outgoing.with_links(case, now))
        place = shown.place
        if place.lon is None and not place.address:
            camera = case.source.channel_id
            raise _refused(f"camera {camera} has neither lon and lat nor address")
        fields = {
            "api_key": self._key,
            "jurisdiction_id": self._settings.jurisdiction,
            "service_code": service,
            # CGCS2000 and WGS-84 differ by centimetres.
            "lat": None if place.lat is None else f"{place.lat:.7f}",
            "long": None if place.lon is None else f"{place.lon:.7f}",
            "address_string": place.address,
            "description": _short(description(shown), case.id),
            "media_url": next((item.url for item in shown.evidence if item.url), None),
        }
        return {name: text for name, text in fields.items() if text}

    def _found(self, talk: Conversation, case: Case, service: str) -> str | None:
        """The number of the request that an earlier attempt made, if it can be seen."""
        since = case.time.reported.astimezone(UTC) - _CLOCKS_DIFFER
        wanted = {
            "service_code": service,
            "start_date": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "end_date": f"{datetime.now(UTC) + _CLOCKS_DIFFER:%Y-%m-%dT%H:%M:%SZ}",
            **self._jurisdiction(),
        }
        answer = talk.call("GET", "/requests.json", headers=self._asking, params=wanted)
        if _is_final(answer.status):
            return None  # it lets nobody look, so there is nothing to know
        rows = answer.json() if talk.checked(answer) else None
        if not isinstance(rows, list):
            raise DeliveryError("the list of requests cannot be read")
        for row in _objects(rows):
            if f"Case: {case.id}" in str(row.get("description")):
                return number_of(row.get("service_request_id"))
        return None

    def _posted(self, talk: Conversation, message: Message, form: dict[str, str]) -> str | None:
        """The new request's number, or `token ...` where the endpoint gives numbers later."""
        case, key = message.case, {"idempotency-key": message.key}
        answer = talk.call("POST", "/requests.json", headers=key, data=form)
        errors = _errors(answer)
        if _is_final(answer.status) or (answer.is_success and errors):
            if any(word in errors.lower() for word in _DUPLICATE):
                # Our description names our case: the endpoint has it from an earlier attempt.
                return self._found(talk, case, form["service_code"])
            said = f"answered {answer.status}: {errors or 'no reason given'}"
            raise _refused(self._endpoint.safe(said))
        row = next(_objects(talk.checked(answer).json()), {})
        number, token = number_of(row.get("service_request_id")), number_of(row.get("token"))
        return number or (token and _TOKEN + token)

    def _exchanged(self, talk: Conversation, number: str) -> str:
        """The number that a token stands for; the token as long as there is none."""
        token = quote(number.removeprefix(_TOKEN), safe="")
        path = f"/tokens/{token}.json"
        try:
            answer = talk.checked(
                talk.call("GET", path, headers=self._asking, params=self._jurisdiction() or None)
            )
        except DeliveryError:
            return number  # the request is made; its number may come with a later message
        row = next(_objects(answer.json()), {})
        return number_of(row.get("service_request_id")) or number

    def _jurisdiction(self) -> dict[str, str]:
        jurisdiction = self._settings.jurisdiction
        return {"jurisdiction_id": jurisdiction} if jurisdiction else {}


def _moment(text: object) -> datetime:
    """A time as the endpoint has it; now, if it says none that has a zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = datetime.now(UTC)
    return moment if moment.tzinfo else datetime.now(UTC)


def _is_final(status: int) -> bool:
    """Whether the same request would be refused again."""
    return 400 <= status < 500 and status not in _TRANSIENT


def _refused(text: str) -> DeliveryError:
    return DeliveryError(text, permanent=True)


def _errors(answer: Answer) -> str:
    """What GeoReport's array of {code, description} says, on one line; empty if there is none."""
    rows = _objects(answer.json())
    said = [str(row.get("description", "")) for row in rows if "code" in row]
    return " ".join("; ".join(said).split())[:200]


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    rows = document if isinstance(document, list) else []
    return (row for row in rows if isinstance(row, dict))


def _short(text: str, case_id: str) -> str:
    """At most as long as allowed; the case's id, by which it is found again, stays."""
    if len(text) <= _LONGEST_DESCRIPTION:
        return text
    end = f"...\nCase: {case_id}"
    return text[: _LONGEST_DESCRIPTION - len(end)] + end
