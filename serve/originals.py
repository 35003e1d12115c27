"""GET /v1/originals/{owner}/{picture}: one unmasked picture, for a named reason."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from cv.cases.database import Database
from cv.errors import UserError
from cv.evidence.log import EvidenceLog
from cv.evidence.lookup import find_original
from cv.evidence.originals import media_type, open_originals
from cv.site import Site
from serve.auth import AccessError
from serve.documented import ERRORS, documented
from serve.evidence import NO_STORE, NOT_LOGGED, UnreadError
from serve.limits import Rate
from serve.problems import MissingError
from serve.seen import Seen

__all__ = ["originals_router"]

_OWNER = r"^[a-z0-9][a-z0-9-]{0,62}$"
_PICTURE = r"^[A-Za-z0-9-]{1,40}$"
logger = logging.getLogger(__name__)


def originals_router(site: Site, database: Database, rate: Rate) -> APIRouter:
    """Decrypts what `KERBWATCH_ORIGINALS_KEY` sealed."""
    seen = Seen(EvidenceLog(database), "original")
    router = APIRouter(
        tags=["evidence"], dependencies=[Depends(rate)], route_class=_noting_refusals(seen)
    )
    originals = open_originals(site.reporting.data)

    @router.get(
        "/v1/originals/{owner}/{picture}",
        summary="One unmasked picture, for a named reason 查看未打码原图（须说明理由）",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}},
            404: documented(404, "Not Found", "kw-1: no such case or photo", "没有这个案件或照片"),
            410: documented(410, "Gone", "the original was deleted", "图片已按期删除"),
            422: ERRORS[422],
            503: NOT_LOGGED,
        },
    )
    def original(
        request: Request,
        owner: Annotated[
            str,
            Path(
                pattern=_OWNER,
                description="Id of a case or of a photo report.",
                examples=["kw-0123456789abcdef0123"],
            ),
        ],
        picture: Annotated[
            str,
            Path(
                pattern=_PICTURE,
                description="Of a case: scene, crop, before, after, scene-20260314T080000Z. "
                "Of a report: the picture's number, from 1.",
                examples=["scene"],
            ),
        ],
        reason: Annotated[
            str,
            Query(
                max_length=500,
                pattern=r"(\S\s*){4}",
                description="Why it must be seen unmasked, in four letters or more; "
                "kept in the log of evidence.",
                examples=["投诉复核 complaint 2026-118"],
            ),
        ],
    ) -> Response:
        """Each answer is written down with the key's id and the reason before it is given; so is
        who is refused for the key or the reason.
        """
        who = _who(request)
        if who is None:
            # Without keys everybody on this machine is answered; but here somebody has to be named.
            raise AccessError(401, "originals need a key of role operate", "查看原图需要密钥")
        reason = " ".join(reason.split())
        what = f"{owner}/{picture}"
        try:
            file = find_original(database, originals, owner, picture)
        except UserError as error:
            seen.note(request, "refused", who=who, what=what, reason=reason)
            raise MissingError(str(error), "没有这个案件或照片") from error
        if file is None and originals.are_away:  # no reason to say that it is no more
            logger.error("%s cannot be read: there are no originals at all", what)
            seen.note(request, "unreadable", who=who, what=what, reason=reason)
            raise UnreadError
        if file is None:
            seen.note(request, "gone", who=who, what=what, reason=reason)
            raise HTTPException(410, "the original was deleted")
        try:
            content = originals.read(file)
        except (OSError, UserError) as error:
            logger.error("an original cannot be read: %s", error)
            seen.note(request, "unreadable", who=who, what=file, reason=reason)
            raise HTTPException(500, "the original cannot be read; see the log") from error
        seen.note(request, "served", who=who, what=file, reason=reason)
        return Response(content, media_type=media_type(file), headers=NO_STORE)

    return router


def _noting_refusals(seen: Seen) -> type[APIRoute]:
    """Routes that write down whom they refuse before anything is looked up."""

    class NotingRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_or_note(request: Request) -> Response:
                try:
                    return await handle(request)
                except (AccessError, RequestValidationError):
                    who, what = _who(request) or "nobody", _what(request)
                    await run_in_threadpool(seen.refuse, request, who=who, what=what)
                    raise

            return handle_or_note

    return NotingRoute


def _who(request: Request) -> str | None:
    key = getattr(request.state, "client", None)
    return key and f"key {key}"


def _what(request: Request) -> str:
    """What was asked for, if it can be the name of anything: whoever reads the log sees no more."""
    owner, picture = request.path_params["owner"], request.path_params["picture"]
    if re.fullmatch(_OWNER, owner) and re.fullmatch(_PICTURE, picture):
        return f"{owner}/{picture}"
    return "what no original is called"
