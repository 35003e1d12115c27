"""Cases over HTTP for the desk: list, read, review."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Depends, Header, HTTPException, Path, Query, Request, Response

from cv.cases.display import case_document
from cv.cases.outgoing import Outgoing
from cv.cases.recoding import recoding
from cv.cases.requests import Posted, Requests
from cv.cases.review import review_digest, review_of
from cv.cases.store import CaseStore, ReviewedError, StoredCase
from cv.errors import UserError
from cv.site import Site
from serve.case_answers import (
    CaseAnswer,
    CaseQuery,
    CasesAnswer,
    Confirmed,
    Rejected,
    cursor_of,
)
from serve.conditional import (
    NOT_MODIFIED,
    IfNoneMatch,
    answered,
    etag_of,
    etags,
    is_any,
    of_the_day,
    whole_list,
)
from serve.documented import ERRORS, documented
from serve.limits import Rate
from serve.problems import FormError, MissingError

__all__ = ["CASES", "cases_router"]

CASES = "/v1/cases"
CaseId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="The whole id.",
        examples=["kw-2bb4aded7b26ce10c7a2"],
    ),
]
_REFUSED: dict[int | str, dict[str, Any]] = {422: ERRORS[422]}
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: documented(404, "Not Found", "no such case", "没有这个案件")
}
_UNREADABLE = {status: ERRORS[status] for status in (400, 408, 413)}
_OVERTAKEN: dict[int | str, dict[str, Any]] = {
    412: documented(
        412,
        "Precondition Failed",
        "the case was reviewed meanwhile; read it again",
        "该案件已被他人复核，请重新读取",
    )
}


class _Desk:
    """Reads cases as the desk may see them: who reported one, only somebody with a key.

    Args:
        secret: signs evidence links; without one there are none.
    """

    def __init__(self, store: CaseStore, site: Site, secret: str | None) -> None:
        self.store = store
        self._requests = Requests(store.database)
        self._site = site
        reporting = site.reporting
        self._outgoing = Outgoing(reporting.data, site.privacy, reporting.public_url or "", secret)

    def page(self, query: CaseQuery, if_none_match: str | None, *, named: bool) -> Response:
        found = self.store.cases(query.wanted, limit=query.limit + 1, after=query.after)
        shown = found[: query.limit]
        following = _following(query, shown) if len(found) > len(shown) else None
        documents = self._documents(shown, named=named)
        body = {"cases": documents, "next": following}
        etag = etag_of(_lasting(documents) + (following or "").encode())
        links = {"link": f'<{following}>; rel="next"'} if following else {}
        return answered(_json(body), etag, if_none_match, links)

    def one(self, case_id: str, if_none_match: str | None, *, named: bool) -> Response:
        stored = self.store.find(case_id)
        if stored is None:
            raise MissingError("no such case", "没有这个案件")
        documents = self._documents([stored], named=named)
        etag = etag_of(_lasting(documents), review_digest(stored.case.review))
        return answered(_json(documents[0]), etag, if_none_match)

    def _documents(self, found: Sequence[StoredCase], *, named: bool) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        posted = self._requests.of_cases([stored.case.id for stored in found])
        return [
            {
                **case_document(
                    replace(stored, case=self._outgoing.with_links(stored.case, now)), self._site
                ),
                "requests": [
                    self._posted(one, named=named) for one in posted.get(stored.case.id, ())
                ],
            }
            for stored in found
        ]

    def _posted(self, posted: Posted, *, named: bool) -> dict[str, Any]:
        received = posted.received.astimezone(self._site.tz).isoformat(timespec="milliseconds")
        return {
            "id": posted.id,
            "received_at": received,
            "media_url": posted.media_url,
            "contact": dict(posted.contact) if named else {},
        }


def cases_router(store: CaseStore, site: Site, secret: str | None, rate: Rate) -> APIRouter:
    """List, read and review cases; for keys of role `operate`.

    Args:
        secret: signs evidence links; without one there are none.
    """
    router = APIRouter(tags=["cases 案件"], dependencies=[Depends(rate)], responses=_REFUSED)
    desk = _Desk(store, site, secret)

    @router.get(
        CASES,
        summary="Cases, the latest first 案件列表",
        response_model=CasesAnswer,
        responses=NOT_MODIFIED,
    )
    def cases(
        query: Annotated[CaseQuery, Query()], request: Request, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Page by page: `next`, and the header `Link`, lead on and never show a case twice."""
        return desk.page(query, if_none_match, named=_author(request) is not None)

    @router.get(
        f"{CASES}/{{case_id}}",
        summary="One case with its deliveries 案件详情",
        response_model=CaseAnswer,
        responses=NOT_MODIFIED | _UNKNOWN,
    )
    def case(case_id: CaseId, request: Request, if_none_match: IfNoneMatch = None) -> Response:
        return desk.one(case_id, if_none_match, named=_author(request) is not None)

    @router.post(
        f"{CASES}/{{case_id}}/review",
        summary="Confirm or reject a case 复核",
        response_model=CaseAnswer,
        responses=_UNKNOWN | _UNREADABLE | _OVERTAKEN,
    )
    def review(
        case_id: CaseId,
        word: Annotated[Confirmed | Rejected, Body(discriminator="state")],
        request: Request,
        if_match: Annotated[
            str | None,
            Header(description="The ETag of the case that you saw: 412 if it was reviewed since."),
        ] = None,
    ) -> Response:
        """A later word replaces an earlier one; the same word again changes nothing.

        Its author is the name of the key. What waited for it is posted, or withdrawn.
        """
        found = desk.store.find(case_id)
        if found is None:
            raise MissingError("no such case", "没有这个案件")
        case_id = found.case.id  # an incident's may have been asked for
        author = _author(request)
        said = review_of(word.reason, author, datetime.now(site.tz), word.code5)
        try:
            other = recoding(found.case, word.code5, site, found.filed_at) if word.code5 else None
            desk.store.review(
                case_id,
                said,
                recoding=other,
                instead_of=_seen(if_match and whole_list(request, "if-match")),
                targets=site.reporting.targets,
            )
        except UserError as error:
            raise FormError(
                f"code5: {error}", f"code5：没有按此代码立案的事项 {word.code5}"
            ) from error
        except ReviewedError as error:
            raise HTTPException(412, "the case was reviewed meanwhile; read it again") from error
        return desk.one(case_id, None, named=author is not None)

    return router


def _author(request: Request) -> str | None:
    """The name of the key; None as long as there are no keys."""
    name: str | None = getattr(request.state, "holder", None)
    return name


def _seen(if_match: str | None) -> set[str] | None:
    """Which reviews the client has seen, by digest; None: it does not care.

    Only the review is compared: that a message was delivered meanwhile is nobody's word.
    """
    if if_match is None or is_any(if_match):
        return None
    strong = ",".join(tag for tag in if_match.split(",") if not tag.strip().startswith("W/"))
    return {tag.strip('"').partition(".")[0] for tag in etags(strong)}


def _following(query: CaseQuery, shown: Sequence[StoredCase]) -> str:
    asked = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
    return f"{CASES}?{urlencode({**asked, 'cursor': cursor_of(shown[-1].case)})}"


def _lasting(documents: Sequence[dict[str, Any]]) -> bytes:
    """What makes one answer another."""
    plain = [
        {**document, "evidence": [{**item, "url": None, "expires": None} for item in items]}
        for document in documents
        for items in (document["evidence"],)
    ]
    return of_the_day(plain, datetime.now(UTC))


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
