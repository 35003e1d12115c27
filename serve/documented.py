"""What addresses may answer besides what was asked for, in /openapi.json."""

from __future__ import annotations

from typing import Any

from serve.problems import Problem

__all__ = ["ERRORS", "REFUSED", "documented"]


def documented(status: int, title: str, english: str, chinese: str) -> dict[str, Any]:
    """One error answer, with an example of its text in both languages."""
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
    400: documented(400, "Bad Request", "the form cannot be read", "请求无法解析"),
    408: documented(
        408, "Request Timeout", "the body did not arrive in time", "请求内容未能及时到达"
    ),
    413: documented(413, "Content Too Large", "too large: more than 10485760 bytes", "内容过大"),
    415: documented(
        415,
        "Unsupported Media Type",
        "not a JPEG, PNG, WebP or HEIC picture",
        "仅支持 JPEG、PNG、WebP 或 HEIC 图片",
    ),
    422: documented(422, "Unprocessable Content", "the picture is damaged", "图片已损坏，无法解码"),
    429: documented(429, "Too Many Requests", "more than 600 requests a minute", "请求过于频繁"),
    503: documented(
        503, "Service Unavailable", "too many pictures are waiting", "服务繁忙，请稍后再试"
    ),
}
REFUSED: dict[int | str, dict[str, Any]] = {
    401: documented(401, "Unauthorized", "the key is unknown or revoked", "密钥无效或已吊销"),
    403: documented(403, "Forbidden", "a key of another role is needed", "权限不足"),
    429: ERRORS[429],
    503: ERRORS[503],
}
"""What any address that needs a key may answer."""
