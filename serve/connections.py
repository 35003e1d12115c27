"""Connections that bring no request are closed.

Uvicorn limits how long a connection may be idle between two requests, but not how long a request's
head may take: who sends a byte of it now and then would hold a connection, and a file descriptor,
for ever (slow loris).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["TimedProtocol"]


class TimedProtocol(HttpToolsProtocol):
    """Uvicorn's, with a limit for the head of each request.

    Attributes:
        head_s: seconds from the connection, or from the first byte of a later request, until the
            head has arrived; the body has a limit of its own (`Limits.body_s`).
    """

    head_s = 30.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self.cycle is not None and self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._expect_nothing()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
