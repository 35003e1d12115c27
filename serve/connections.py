"""Connections that bring no request, or take no answer, are closed.

Uvicorn limits how long a connection may be idle between two requests, but not how long a request's
head may take, nor how long an answer waits to be read: who sends a byte of the one now and then
(slow loris), or reads nothing of the other (slow read), would hold a connection, a file descriptor
and the answer's bytes for ever.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["TimedProtocol"]


class TimedProtocol(HttpToolsProtocol):
    """Uvicorn's, with limits for the head of each request and for the taking of what is answered.

    Attributes:
        head_s: seconds from the connection, or from the first byte of a later request, until the
            head has arrived; the body has a limit of its own (`Limits.body_s`).
        answer_s: seconds until the system has taken what was written, also from who sends more
            requests meanwhile, and of a connection that is being closed.
    """

    head_s = 30.0
    answer_s = 60.0
    _late: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Writing pauses as soon as anything waits here, and resumes when nothing does.
        transport.set_write_buffer_limits(high=0)
        if self.client is not None:
            # Where IPv6 is listened to as well (`--host ::`), the system writes IPv4 so. Nobody
            # else does: neither who names the proxies to believe, nor who reads the log.
            self.client = self.client[0].removeprefix("::ffff:"), self.client[1]
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self.cycle is not None and self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._expect_nothing()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        # To close it would wait for the same bytes.
        self._untaken = self.loop.call_later(self.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._all_is_taken()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._all_is_taken()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _all_is_taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None
