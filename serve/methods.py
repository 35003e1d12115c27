"""Which methods an address has: those of its routes, and HEAD where there is GET."""

from __future__ import annotations

from fastapi import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HeadAsGet", "allowed_methods"]

# The log of evidence tells who saw which picture. A HEAD would be an entry for what nobody saw, or
# find out without one whether a picture is there.
_NO_HEAD = ("/v1/evidence/", "/v1/originals/")
_METHODS = ("GET", "HEAD", "POST")


class HeadAsGet:
    """Answers HEAD as GET, without the body: what watches a service asks so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _has_head(scope):
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif not message.get("more_body"):
                await send({"type": "http.response.body"})

        await self._app({**scope, "method": "GET"}, receive, without_body)


def allowed_methods(request: Request) -> str:
    """For `Allow`. Starlette names those of the first route of several that an address has."""
    return ", ".join(method for method in _METHODS if _answers(request, method))


def _answers(request: Request, method: str) -> bool:
    if method == "HEAD":
        return _has_head(request.scope) and _answers(request, "GET")
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


def _has_head(scope: Scope) -> bool:
    return not scope["path"].startswith(_NO_HEAD)
