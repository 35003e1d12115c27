"""GET /v1/evidence/{token}: masked pictures for receivers of cases, by signed, expiring links."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from cv.cases.database import Database
from cv.cases.links import ExpiredLinkError, verify
from cv.errors import UserError
from cv.evidence.log import EvidenceLog
from cv.evidence.masked import is_masked
from cv.evidence.originals import is_away
from cv.site import Site
from serve.auth import AccessError
from serve.documented import ERRORS, documented
from serve.limits import BusyError, Rate
from serve.problems import MissingError
from serve.seen import Seen, UnloggedError

__all__ = ["NOT_LOGGED", "NO_STORE", "UnreadError", "evidence_router"]

NO_STORE = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}
"""A copy in a cache would be seen without an entry."""
NOT_LOGGED = documented(503, "Service Unavailable", str(UnloggedError()), UnloggedError.message_zh)
_AGAIN_S = 30
logger = logging.getLogger(__name__)


class UnreadError(BusyError):
    """The disk does not give a picture that may well be there (HTTP 503)."""

    message_zh = "图片暂时无法读取，请稍后再试"

    def __init__(self) -> None:
        super().__init__("the picture cannot be read now; try again later", _AGAIN_S)


def evidence_router(site: Site, database: Database, secret: str, rate: Rate) -> APIRouter:
    """Serves files below <data>/evidence, which are masked, and nothing else."""
    data = site.reporting.data
    router = APIRouter(tags=["evidence"], dependencies=[Depends(rate)])
    root = (data / "evidence").resolve()
    log = EvidenceLog(database)
    seen = Seen(log, "view")

    @router.get(
        "/v1/evidence/{token}",
        summary="One picture of a case 案件证据图片",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}},
            403: documented(403, "Forbidden", "the link has expired", "链接无效或已过期"),
            404: documented(404, "Not Found", "no such picture", "没有这张图片"),
            410: documented(410, "Gone", "the picture was deleted", "图片已按期删除"),
            429: ERRORS[429],
            503: NOT_LOGGED,
        },
    )
    def evidence(token: str, request: Request) -> Response:
        """Each answer is written down before it is given."""
        try:
            file = verify(token, secret)
        except ExpiredLinkError as error:
            seen.note(request, "expired", who="link", what=error.file)
            raise HTTPException(403, str(error)) from error
        except UserError as error:
            seen.refuse(request, who="link", what="a link that is not ours")
            raise HTTPException(403, str(error)) from error
        path = (data / file).resolve()
        if not path.is_relative_to(root):
            seen.note(request, "refused", who="link", what=file)
            raise MissingError("no such picture", "没有这张图片")
        try:
            content = path.read_bytes()
        except OSError as error:
            # We sign links to what is there, so it was. A disk that fails, or a share that is not
            # mounted, is no reason to tell a receiver for good that it is no more.
            if isinstance(error, FileNotFoundError) and (
                not is_away(root) or log.deletion_of(file)
            ):
                seen.note(request, "gone", who="link", what=file)
                raise HTTPException(410, "the picture was deleted") from error
            logger.error("evidence cannot be read: %s", error)
            seen.note(request, "unreadable", who="link", what=file)
            raise UnreadError from error
        if not is_masked(database, f"evidence/{path.relative_to(root).as_posix()}", site.privacy):
            seen.note(request, "refused", who="link", what=file)
            raise AccessError(
                403,
                "the picture shows what is masked by now, so it is not given out",
                "该图片未按现行要求打码，不对外提供",
            )
        seen.note(request, "served", who="link", what=file)
        return Response(content, media_type="image/jpeg", headers=NO_STORE)

    return router
