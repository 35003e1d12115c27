"""Keys as GeoReport clients send them: `api_key`, in the address or in the form."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials

from serve.auth import BEARER, HEADER, AccessError, Needs
from serve.open311.forms import read_form

__all__ = ["NeedsApiKey"]

_QUERY = APIKeyQuery(
    name="api_key", auto_error=False, description="The same key; in a POST also a form field."
)


class NeedsApiKey(Needs):
    """As `Needs`; the usual headers do as well."""

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
        header: Annotated[str | None, Security(HEADER)] = None,
        query: Annotated[str | None, Security(_QUERY)] = None,
    ) -> None:
        if not await self.guard.needs_key(request):
            return
        if not query and request.method == "POST":
            query = (await read_form(request)).get("api_key")
        if query:
            await self.admit(request, query)
        elif header or "authorization" in request.headers:
            await super().__call__(request, bearer, header)
        else:
            raise AccessError(403, "api_key was not provided", "缺少 api_key")
