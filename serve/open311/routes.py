"""Open311 GeoReport v2 below /open311/v2: services and requests, in XML and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from cv.cases.outgoing import Outgoing
from cv.cases.requested import Requested
from cv.cases.requests import OtherRequestError, Requests
from cv.cases.store import CaseStore
from cv.site import Site
from serve.auth import Needs
from serve.conditional import NOT_MODIFIED, IfNoneMatch, etag_of, of_the_day, unless_known
from serve.limits import Rate
from serve.open311.answers import request_answer
from serve.open311.documented import (
    DEFINITION,
    DISCOVERY,
    ERRORS,
    FORM_BODY,
    POSTED,
    REQUESTS,
    SERVICES,
    answers_with,
)
from serve.open311.errors import OPEN311, GeoReportRoute, RefusedError
from serve.open311.formats import Format, rendered
from serve.open311.forms import RequestQuery, listed, new_request, read_form, wanted
from serve.open311.services import definition, discovery, services

__all__ = ["OPEN311", "public_router", "requests_router"]

_NOTICE = "已受理，将由工作人员核实。 Received; a person will look at it."
"""What becomes of every request."""


def public_router(site: Site) -> APIRouter:
    """What needs no key: where this is, and what can be reported."""
    router = APIRouter(tags=["open311"], route_class=GeoReportRoute, responses=ERRORS)
    started = datetime.now(UTC)
    offered = services(site)

    @router.get(
        f"{OPEN311}/discovery.{{form}}",
        summary="Where this endpoint is 服务发现",
        responses=answers_with(DISCOVERY),
    )
    async def discover(request: Request, form: Format) -> Response:
        url = _address(request, site) + OPEN311
        return rendered("discovery", discovery(url, site.name, started), form)

    @router.get(
        f"{OPEN311}/services.{{form}}",
        summary="What can be reported 可上报事项",
        responses=answers_with(SERVICES),
    )
    async def service_list(form: Format) -> Response:
        return rendered("services", offered, form)

    @router.get(
        f"{OPEN311}/services/{{service_code}}.{{form}}",
        summary="What one service asks for 事项属性",
        responses=answers_with(DEFINITION),
    )
    async def service_definition(service_code: str, form: Format) -> Response:
        if service_code not in site.codes.filed():
            raise RefusedError(404, "service_code was not found", "没有该 service_code")
        return rendered("service_definition", definition(service_code), form)

    return router


def requests_router(
    store: CaseStore, site: Site, secret: str | None, may_report: Needs, rate: Rate
) -> APIRouter:
    """Posting and following requests; what needs a key.

    Args:
        secret: signs links to pictures; without one there are none.
    """
    router = APIRouter(
        tags=["open311"],
        route_class=GeoReportRoute,
        responses=ERRORS,
        dependencies=[Depends(may_report), Depends(rate)],
    )
    requests = Requests(store.database)

    def answer(
        request: Request, found: list[Requested], form: Format, if_none_match: str | None
    ) -> Response:
        reporting = site.reporting
        outgoing = Outgoing(reporting.data, site.privacy, _address(request, site), secret)
        now = datetime.now(UTC)
        rows = [request_answer(one, site, outgoing, now) for one in found]
        whole = rendered("service_requests", rows, form)
        lasting = [form, [{**row, "media_url": None} for row in rows]]
        return unless_known(whole, etag_of(of_the_day(lasting, now)), if_none_match)

    @router.get(
        f"{OPEN311}/requests.{{form}}",
        summary="Requests and how they stand 上报查询",
        responses=answers_with(REQUESTS) | NOT_MODIFIED,
    )
    def request_list(
        request: Request,
        form: Format,
        query: Annotated[RequestQuery, Query()],
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """At most 1000, the latest first, of 90 days at most: of the last 90 if nobody says."""
        ids = listed(query.service_request_id)
        if ids is not None:
            return answer(request, requests.find(ids), form, if_none_match)
        found = requests.wanted(wanted(query, datetime.now(UTC)))
        return answer(request, found, form, if_none_match)

    @router.get(
        f"{OPEN311}/requests/{{service_request_id}}.{{form}}",
        summary="One request and how it stands 上报进度",
        responses=answers_with(REQUESTS) | NOT_MODIFIED,
    )
    def one_request(
        request: Request, service_request_id: str, form: Format, if_none_match: IfNoneMatch = None
    ) -> Response:
        found = requests.find(listed(service_request_id) or [])
        if not found:
            raise RefusedError(404, "service_request_id was not found", "没有该上报")
        return answer(request, found, form, if_none_match)

    @router.post(
        f"{OPEN311}/requests.{{form}}",
        summary="Report something 上报",
        status_code=201,
        responses=answers_with(POSTED, 201),
        openapi_extra={"requestBody": FORM_BODY},
    )
    async def post_request(
        request: Request,
        form: Format,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=255,
                description="The same key, service and place is the same request, for ever.",
            ),
        ] = None,
    ) -> Response:
        """A case for a person to review; or a report more of the open one about the same thing.

        The same content of the same key within ten minutes is the same request.
        """
        client = str(getattr(request.state, "client", ""))
        new = new_request(await read_form(request), site, client, idempotency_key)
        try:
            number = await run_in_threadpool(requests.post, new, site, datetime.now(UTC))
        except OtherRequestError as error:
            raise RefusedError(400, str(error), "该 Idempotency-Key 已用于另一份上报") from error
        row: dict[str, Any] = {
            "service_request_id": number,
            "service_notice": _NOTICE,
            "account_id": None,
        }
        return rendered("service_requests", [row], form, 201)

    return router


def _address(request: Request, site: Site) -> str:
    """How clients reach the service, without a slash at its end."""
    return site.reporting.public_url or str(request.base_url).rstrip("/")
