"""An Open311 endpoint for tests: GeoReport v2 in JSON, as strict as its specification.

Written after https://wiki.open311.org/GeoReport_v2: POST requests (form-encoded, api_key and
jurisdiction_id, one kind of location, errors as an array of code and description), GET requests
with its filters, GET tokens. It takes what it is given for good, and misbehaves as told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

KEY, JURISDICTION = "api-key-of-kerbwatch", "city.example"
SERVICES = {"007": "Blocked lane", "012": "Garbage"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class RefusedError(Exception):
    """Answered as the specification has errors."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status


@dataclass
class GeoReport:
    """The endpoint's memory and its ways.

    Attributes:
        with_tokens: give a token, and the number only once `moderated`.
        no_duplicates: answer 400 to a description that it has already.
        unlisted: GET requests is not allowed.
        archived: numbers of requests that are no longer listed.
        statuses: the next requests are answered so, and not taken.
        closed: status_notes of the requests that the desk closed, by their number.
    """

    with_tokens: bool = False
    moderated: bool = False
    no_duplicates: bool = False
    unlisted: bool = False
    archived: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_exception_handler(RefusedError, _refusal)
        app.post("/v2/requests.json")(self.post_request)
        app.get("/v2/requests.json")(self.get_requests)
        app.get("/v2/tokens/{token:path}.json")(self.get_token)
        return app

    async def post_request(self, request: Request) -> JSONResponse:
        if self.statuses:
            raise RefusedError(self.statuses.pop(0), "not now")
        kind = request.headers.get("content-type", "")
        if not kind.startswith("application/x-www-form-urlencoded"):
            raise RefusedError(400, f"cannot read {kind}")
        form = {name: str(value) for name, value in (await request.form()).items()}
        self._check(form)
        if self.no_duplicates and form["description"] in [r["description"] for r in self.requests]:
            raise RefusedError(400, "Duplicate request: the same description was sent already")
        number = f"SR-{len(self.requests) + 1}"
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.requests.append({**form, "service_request_id": number, "requested_datetime": now})
        name = {"token": f"tok/{number}"} if self.with_tokens else {"service_request_id": number}
        return JSONResponse([{**name, "service_notice": "Thank you", "account_id": ""}], 201)

    async def get_requests(self, request: Request) -> JSONResponse:
        if self.unlisted:
            raise RefusedError(403, "requests are not public")
        wanted = dict(request.query_params)
        _check_jurisdiction(wanted)
        if "service_request_id" in wanted:
            numbers = {*wanted["service_request_id"].split(",")} - self.archived
            named = [row for row in self.requests if row["service_request_id"] in numbers]
            return JSONResponse([self._standing(row["service_request_id"]) for row in named])
        for name in ("start_date", "end_date"):
            if not _TIME.fullmatch(wanted[name]):
                raise RefusedError(400, f"{name} must be a time with its zone")
        shown = ("service_request_id", "service_code", "description", "requested_datetime")
        return JSONResponse(
            [
                {"status": "open", **{name: row[name] for name in shown}}
                for row in self.requests
                if row["service_code"] == wanted["service_code"]
                and wanted["start_date"] <= row["requested_datetime"] <= wanted["end_date"]
                and not (self.with_tokens and not self.moderated)
            ]
        )

    async def get_token(self, token: str, request: Request) -> JSONResponse:
        _check_jurisdiction(dict(request.query_params))
        number = token.removeprefix("tok/")
        row: dict[str, Any] = {"token": token}
        if self.moderated:
            row["service_request_id"] = number
        return JSONResponse([row])

    def _standing(self, number: str) -> dict[str, str]:
        notes = self.closed.get(number)
        if notes is None:
            return {"service_request_id": number, "status": "open"}
        return {
            "service_request_id": number,
            "status": "closed",
            "status_notes": notes,
            "updated_datetime": "2026-03-15T09:00:00+08:00",
        }

    def _check(self, form: dict[str, str]) -> None:
        if form.get("api_key") != KEY:
            raise RefusedError(403, f"api_key was invalid: {form.get('api_key')}")
        _check_jurisdiction(form)
        if form.get("service_code") not in SERVICES:
            raise RefusedError(404, "service_code was not found")
        if ("lat" in form) != ("long" in form):
            raise RefusedError(400, "lat and long go together")
        if not {"lat", "address_string", "address_id"} & set(form):
            raise RefusedError(400, "a location is missing")
        if "lat" in form and not (
            abs(float(form["lat"])) <= 90 and abs(float(form["long"])) <= 180
        ):
            raise RefusedError(400, "lat and long must be WGS84 degrees")
        text = form.get("description", "")
        if not text or len(text) > 4000 or "<" in text:
            raise RefusedError(400, "description: up to 4000 characters, no HTML")
        if "media_url" in form and not urlsplit(form["media_url"]).scheme.startswith("http"):
            raise RefusedError(400, "media_url must be a URL")


async def _refusal(_request: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, RefusedError) else 500
    return JSONResponse([{"code": status, "description": str(error)}], status)


def _check_jurisdiction(form: dict[str, str]) -> None:
    if form.get("jurisdiction_id") != JURISDICTION:
        raise RefusedError(400 if "jurisdiction_id" not in form else 404, "jurisdiction_id")
