"""Conditional requests (RFC 9110, 13): what a client has already, and what it has seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

__all__ = [
    "NOT_MODIFIED",
    "IfNoneMatch",
    "answered",
    "etag_of",
    "etags",
    "is_any",
    "of_the_day",
    "unless_known",
    "whole_list",
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "As it was: the ETag that was sent still holds."}
}


def whole_list(request: Request, name: str) -> str:
    """A header that is a list. Several lines of it are one list (RFC 9110, 5.3)."""
    return ", ".join(request.headers.getlist(name))


def _if_none_match(
    request: Request,
    if_none_match: Annotated[
        str | None, Header(description="The ETag of what you have: 304 if it still holds.")
    ] = None,
) -> str | None:
    return if_none_match and whole_list(request, "if-none-match")


IfNoneMatch = Annotated[str | None, Depends(_if_none_match)]


def etag_of(content: bytes, prefix: str = "") -> str:
    """A strong entity tag, quoted.

    Args:
        prefix: what of it can be compared alone; ends at the first full stop.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f'"{prefix}.{digest}"' if prefix else f'"{digest}"'


def of_the_day(lasting: object, now: datetime) -> bytes:
    """What tells answers apart whose links are new each time: all but the links, and the day (UTC),
    so that nobody keeps links that have expired.

    Args:
        lasting: the answer without its links; JSON has a place for all of it.
    """
    return json.dumps([f"{now:%Y-%m-%d}", lasting]).encode()


def etags(header: str) -> set[str]:
    """A list of entity tags, quoted, to be compared weakly (RFC 9110, 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def is_any(header: str) -> bool:
    """Whether any entity tag will do."""
    return header.strip() == "*"


def answered(
    content: bytes, etag: str, if_none_match: str | None, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON with its tag, or 304 if the client has it."""
    whole = Response(content, media_type="application/json", headers=headers)
    return unless_known(whole, etag, if_none_match)


def unless_known(whole: Response, etag: str, if_none_match: str | None) -> Response:
    """An answer with its tag, or 304 if the client has it; to be asked for again every time."""
    whole.headers.update({"etag": etag, "cache-control": "no-cache"})
    known = if_none_match or ""
    if etag not in etags(known) and not is_any(known):
        return whole
    kept = {k: v for k, v in whole.headers.items() if k not in ("content-type", "content-length")}
    return Response(status_code=304, headers=kept)
