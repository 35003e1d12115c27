"""POST /v1/detect and /v1/detect/batch: pictures in, detections out. GET /v1/labels."""

from __future__ import annotations

from typing import Annotated, Any

import mimeparse
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from cv.errors import ImageError
from cv.site import Site
from serve.analysis import Analysed, Analyser
from serve.answers import BatchAnswer, DetectAnswer, LabelsAnswer, detect_answer, labels_answer
from serve.conditional import NOT_MODIFIED, IfNoneMatch, answered, etag_of, whole_list
from serve.documented import ERRORS, documented
from serve.limits import Limits, Rate
from serve.problems import problem_of
from serve.upload import read_body, read_upload

__all__ = [
    "BATCH",
    "DETECT",
    "IMAGE_BODY",
    "detect_router",
    "labels_router",
]

DETECT = "/v1/detect"
BATCH = "/v1/detect/batch"
_JSON, _JPEG = "application/json", "image/jpeg"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"type": "string", "format": "binary"}


def _form(image: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "object", "required": ["image"], "properties": {"image": image}}}


IMAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/jpeg": _BINARY,
        "image/png": _BINARY,
        "image/webp": _BINARY,
        "image/heic": _BINARY,
        "multipart/form-data": _form(_FILE),
    },
}


_NOT_ACCEPTABLE: dict[int | str, dict[str, Any]] = {
    406: documented(406, "Not Acceptable", "choose JSON or JPEG", "无法提供该格式")
}

MinScore = Annotated[
    float | None,
    Query(ge=0.05, le=1, description="One threshold for all labels.", examples=[0.5]),
]


def detect_router(analyser: Analyser, site: Site, limits: Limits, rate: Rate) -> APIRouter:
    router = APIRouter(tags=["detect"], dependencies=[Depends(rate)])

    @router.post(
        DETECT,
        summary="Detect objects in one picture 检测单张图片",
        response_model=DetectAnswer,
        responses={**ERRORS, **_NOT_ACCEPTABLE, 200: {"content": {_JPEG: _BINARY}}},
        openapi_extra={"requestBody": IMAGE_BODY},
    )
    async def detect(request: Request, min_score: MinScore = None) -> DetectAnswer | Response:
        """The picture is the body itself, or the field `image` of a form.

        With `Accept: image/jpeg` the answer is the picture with its detections drawn, at most
        2559 pixels on its longer side, masked as the site file says.
        """
        drawn = _chosen(request, (_JPEG, _JSON)) == _JPEG
        data = await read_body(request, limits)
        if drawn:
            content = await analyser.draw(data, min_score, site)
            return Response(content, media_type=_JPEG, headers={"vary": "accept"})
        photo, detections, elapsed_s = await analyser.analyse(data, min_score)
        return detect_answer(photo, detections, analyser.detector, elapsed_s)

    @router.post(
        BATCH,
        summary="Detect objects in several pictures 批量检测",
        responses=ERRORS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": _form(
                        {"type": "array", "items": _FILE, "maxItems": limits.images, "minItems": 1}
                    )
                },
            }
        },
    )
    async def batch(request: Request, min_score: MinScore = None) -> BatchAnswer:
        """Answers in the order of the pictures; one that is refused has its problem there."""
        upload = await read_upload(request, limits, most=limits.images, whole=False)

        def answer(analysed: Analysed) -> DetectAnswer:
            return detect_answer(
                analysed.photo, analysed.detections, analyser.detector, analysed.elapsed_s
            )

        def finish(results: list[DetectAnswer | ImageError]) -> BatchAnswer:
            return BatchAnswer(
                results=[
                    problem_of(result) if isinstance(result, ImageError) else result
                    for result in results
                ]
            )

        return await analyser.analyse_each(upload.images, answer, finish, min_score)

    return router


def labels_router(analyser: Analyser) -> APIRouter:
    router = APIRouter(tags=["detect"])
    content = labels_answer(analyser.detector).model_dump_json().encode()
    etag = etag_of(content)

    @router.get(
        "/v1/labels",
        summary="What the model can see, and which matters may follow 标签与事项",
        response_model=LabelsAnswer,
        responses=NOT_MODIFIED,
    )
    async def labels(if_none_match: IfNoneMatch = None) -> Response:
        return answered(content, etag, if_none_match)

    return router


def _chosen(request: Request, offered: tuple[str, ...]) -> str:
    """What to answer with, by Accept (RFC 9110, 12.5.1); the last one offered if all suit.

    Raises:
        HTTPException: 406, none is accepted.
    """
    accept = whole_list(request, "accept") or "*/*"
    try:
        chosen = str(mimeparse.best_match(offered, accept))
    except mimeparse.MimeTypeParseException:
        chosen = ""
    if not chosen:
        raise HTTPException(406, f"accept {' or '.join(reversed(offered))}")
    return chosen
