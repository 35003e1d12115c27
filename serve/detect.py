"""POST /v1/detect: a picture in, detections out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from serve.analysis import Analyser
from serve.answers import DetectAnswer, detect_answer
from serve.limits import Limits
from serve.problems import Problem
from serve.upload import read_body

__all__ = ["ERRORS", "IMAGE_BODY", "detect_router"]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
IMAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/jpeg": _BINARY,
        "image/png": _BINARY,
        "image/webp": _BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "string", "format": "binary"}},
            }
        },
    },
}


def _problem(status: int, title: str, english: str, chinese: str) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": english,
        "detail_zh": chinese,
    }
    return {
        "model": Problem,
        "description": english,
        "content": {"application/problem+json": {"example": example}},
    }


ERRORS: dict[int | str, dict[str, Any]] = {
    413: _problem(413, "Content Too Large", "the picture is too large", "图片过大"),
    415: _problem(
        415, "Unsupported Media Type", "not a JPEG, PNG or WebP picture", "仅支持 JPEG、PNG 或 WebP"
    ),
    422: _problem(422, "Unprocessable Content", "the picture is damaged", "图片已损坏，无法解码"),
    503: _problem(
        503, "Service Unavailable", "too many pictures are waiting", "服务繁忙，请稍后再试"
    ),
}


def detect_router(analyser: Analyser, limits: Limits) -> APIRouter:
    router = APIRouter(tags=["detect"])

    @router.post(
        "/v1/detect",
        summary="Detect objects in one picture 检测单张图片",
        responses=ERRORS,
        openapi_extra={"requestBody": IMAGE_BODY},
    )
    async def detect(
        request: Request,
        min_score: Annotated[
            float | None,
            Query(ge=0.05, le=1, description="One threshold for all labels.", examples=[0.5]),
        ] = None,
    ) -> DetectAnswer:
        """The picture is the body itself, or the field `image` of a form."""
        data = await read_body(request, limits)
        photo, detections, elapsed_s = await analyser.analyse(data, min_score)
        return detect_answer(photo, detections, analyser.detector, elapsed_s)

    return router
