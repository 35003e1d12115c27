"""One form of error answer, RFC 9457, with the detail in English and Chinese."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from cv.errors import ImageError, KerbwatchError, StoreError
from serve.auth import AccessError
from serve.limits import STORE_AWAY_S, BusyError
from serve.methods import allowed_methods
from serve.open311.errors import OPEN311, refusal

__all__ = ["FormError", "MissingError", "Problem", "add_problem_handlers", "problem_of"]

_ZH = {
    400: "请求无法解析",
    403: "链接无效或已过期",
    404: "没有这个地址",
    405: "该地址不支持此方法",
    406: "无法提供所要求的格式",
    408: "请求内容未能及时到达",
    410: "图片已按期删除",
    412: "该案件已被他人复核，请重新读取",
    413: "内容过大",
    415: "不支持的文件类型",
    422: "请求内容有误",
    500: "服务内部错误",
    503: "服务尚未就绪",
}

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""As RFC 9110 has them; Python before 3.13 has the names of older ones."""
_GONE = 499
"""As nginx counts who went away: nobody hears it, but it is no fault of the service in metrics."""
_ZH_STORE = "案件库暂时无法访问，请稍后再试"
logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """An error answer (application/problem+json)."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["lon: must be between -180 and 180"])
    detail_zh: str = Field(examples=["请求内容有误：lon"])


class FormError(KerbwatchError):
    """A form field or parameter is not usable (HTTP 422), or the form cannot be read (400)."""

    def __init__(self, message: str, message_zh: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status
        self.message_zh = message_zh


class MissingError(KerbwatchError):
    """Nothing has this id (HTTP 404)."""

    status = 404

    def __init__(self, message: str, message_zh: str) -> None:
        super().__init__(message)
        self.message_zh = message_zh


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the service a `Problem`."""

    @app.exception_handler(KerbwatchError)
    async def known(_: Request, error: KerbwatchError) -> JSONResponse:
        return _known(error)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        # FastAPI's 400 for a JSON body whose bytes were refused as they came, or came no more.
        if isinstance(error.__cause__, ImageError | BusyError):
            return _known(error.__cause__)
        if isinstance(error.__cause__, ClientDisconnect):
            return Response(status_code=_GONE)
        status, detail = error.status_code, str(error.detail)
        detail_zh = _ZH.get(status, _ZH[400])
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = allowed_methods(request)
        if request.url.path.startswith(f"{OPEN311}/"):
            return refusal(request, status, f"{detail} {detail_zh}", headers)
        answer = _answer(_problem(status, detail, detail_zh))
        answer.headers.update(headers)
        return answer

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=_GONE)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return _answer(_problem(422, f"{where}: {first['msg']}", f"{_ZH[422]}：{where}"))

    @app.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> JSONResponse:
        return _answer(_problem(500, "internal error", _ZH[500]))


def _known(error: KerbwatchError) -> JSONResponse:
    if isinstance(error, StoreError):
        logger.error("%s", error)
        answer = _answer(_problem(503, "the case store does not answer; try again", _ZH_STORE))
        answer.headers["retry-after"] = str(STORE_AWAY_S)
        return answer
    if not isinstance(error, ImageError | FormError | MissingError | BusyError | AccessError):
        return _answer(_problem(500, "internal error", _ZH[500]))
    answer = _answer(problem_of(error))
    if error.status == 413:
        # What is still coming is not wanted: only so much is read of it that its client hears this.
        answer.headers["connection"] = "close"
    if error.status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    if isinstance(error, BusyError):
        answer.headers["retry-after"] = str(error.retry_after_s)
    return answer


def problem_of(error: ImageError | FormError | MissingError | BusyError | AccessError) -> Problem:
    return _problem(error.status, str(error), error.message_zh)


def _problem(status: int, detail: str, detail_zh: str) -> Problem:
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail, detail_zh=detail_zh)


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, media_type="application/problem+json")
