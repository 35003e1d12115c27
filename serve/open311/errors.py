"""Errors as GeoReport v2 has them: a list of code and description in the format asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from cv.errors import ImageError, KerbwatchError, StoreError
from serve.auth import AccessError
from serve.limits import STORE_AWAY_S, BusyError
from serve.open311.formats import Format, rendered

__all__ = ["OPEN311", "GeoReportRoute", "RefusedError", "refusal"]

OPEN311 = "/open311/v2"
"""What is below it speaks GeoReport, refusals of any kind too."""

logger = logging.getLogger(__name__)


class RefusedError(KerbwatchError):
    """What was asked cannot be done.

    Args:
        status: 400, or 404 for what does not exist.
    """

    def __init__(self, status: int, message: str, message_zh: str) -> None:
        super().__init__(message)
        self.status = status
        self.message_zh = message_zh


class GeoReportRoute(APIRoute):
    """A route whose refusals are GeoReport's instead of RFC 9457's: its clients know no other."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                return await handle(request)
            except BusyError as error:
                wait = {"retry-after": str(error.retry_after_s)}
                return refusal(request, error.status, f"{error} {error.message_zh}", wait)
            except StoreError as error:
                logger.error("%s", error)
                wait = {"retry-after": str(STORE_AWAY_S)}
                return refusal(request, 503, "the database is away 数据库暂不可用", wait)
            except (RefusedError, AccessError, ImageError) as error:
                return refusal(request, _status(error.status), f"{error} {error.message_zh}")
            except RequestValidationError as error:
                return _invalid(request, error)
            except HTTPException as error:
                return refusal(request, _status(error.status_code), str(error.detail))

        return handle_or_refuse


def _status(status: int) -> int:
    """404 for what does not exist, 403 for keys, and 400 for all else that is asked wrongly.

    "Come back later" stays what it is: 400 would tell a client never to.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return 403
    kept = (403, 404, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return status if status in kept or status >= 500 else 400


def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    if where == "form":
        return refusal(request, 404, "there is .xml and .json 仅提供 .xml 和 .json")
    return refusal(request, 400, f"{where}: {first['msg']} 参数有误：{where}")


def refusal(
    request: Request, status: int, description: str, headers: Mapping[str, str] | None = None
) -> Response:
    """In JSON where that is asked for; in XML else, also where nothing is known at an address."""
    form: Format = "json" if request.url.path.endswith(".json") else "xml"
    errors = [{"code": status, "description": description}]
    return rendered("errors", errors, form, status, headers)
