"""GET /v1/evidence/{token}: masked pictures for receivers of cases, by signed, expiring links."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from cv.cases.links import verify
from cv.errors import UserError

__all__ = ["evidence_router"]


def evidence_router(data: Path, secret: str) -> APIRouter:
    """Serves files below <data>/evidence, which are masked, and nothing else."""
    router = APIRouter(tags=["evidence"])
    root = (data / "evidence").resolve()

    @router.get(
        "/v1/evidence/{token}",
        summary="One picture of a case 案件证据图片",
        response_class=FileResponse,
        responses={403: {"description": "Not a valid link, or expired"}, 404: {}},
    )
    def evidence(token: str) -> FileResponse:
        try:
            file = (data / verify(token, secret)).resolve()
        except UserError as error:
            raise HTTPException(403, str(error)) from error
        if not file.is_relative_to(root) or not file.is_file():
            raise HTTPException(404, "no such picture")
        return FileResponse(file, media_type="image/jpeg")

    return router
