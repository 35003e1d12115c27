"""Conditional requests (RFC 9110, 13): what a client has already, and what it has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.responses import Response

__all__ = ["answered", "etag_of", "etags"]


def etag_of(content: bytes, prefix: str = "") -> str:
    """A strong entity tag, quoted.

    Args:
        prefix: what of it can be compared alone; ends at the first full stop.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f'"{prefix}.{digest}"' if prefix else f'"{digest}"'


def etags(header: str) -> set[str]:
    """A list of entity tags, quoted, to be compared weakly (RFC 9110, 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def answered(
    content: bytes, etag: str, if_none_match: str | None, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON with its tag, or 304 if the client has it; to be asked for again every time."""
    sent = {"etag": etag, "cache-control": "no-cache", **(headers or {})}
    if etag in etags(if_none_match or ""):
        return Response(status_code=304, headers=sent)
    return Response(content, media_type="application/json", headers=sent)
