"""Bodies of requests as they arrive: counted, timed, and held only while there is room."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cv.errors import ImageError
from serve.limits import BusyError, Limits, body_too_large, subscriber
from serve.pace import Pace

__all__ = ["BodyLimit"]

_FORM_OVERHEAD = 64 * 1024
_UNWANTED = 32 * 1024 * 1024
"""Bytes that are read of a body which was refused, so that its client hears why."""
_SHARES = 3
"""What arrives slowly from one client holds at most one of so many parts of the room."""


class BodyLimit:
    """Counts a request's bytes as they arrive, chunked ones too, before anything parses them.

    A body holds what has arrived of it, not what it may become: who sends nothing takes no room.

    Args:
        pace: when those for whom there is no room should ask again.
        single: the paths that take one picture.
        several: the paths that take several.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        pace: Pace,
        single: frozenset[str],
        several: frozenset[str],
    ) -> None:
        self._app = app
        self._limits = limits
        self._pace = pace
        self._most = dict.fromkeys(single, limits.image_bytes)
        self._most |= dict.fromkeys(several, limits.request_bytes)
        self._room = _Room(limits.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        declared = headers.get(b"content-length", b"0")
        if scope["type"] != "http" or (declared == b"0" and b"transfer-encoding" not in headers):
            await self._app(scope, receive, send)
            return
        body = _Body(
            scope=scope,
            source=receive,
            room=self._room,
            limits=self._limits,
            pace=self._pace,
            most=self._most.get(scope["path"], self._limits.text_bytes),
            declared=int(declared) if declared.isdigit() else 0,
        )
        refusal: list[Message] = []
        is_early = False

        async def answer(message: Message) -> None:
            nonlocal is_early
            if body.unheld:
                refusal.append(message)
                return
            ends = message["type"] == "http.response.body" and not message.get("more_body")
            is_early = ends and not body.is_whole
            await send({**message, "more_body": True} if is_early else message)

        try:
            await self._app(scope, body.receive, answer)
        finally:
            body.give_back()
        # Many clients send all before they look for an answer, and hear none if the connection is
        # closed before: first the body is read to the end and thrown away. Only here does nobody
        # hold any of it; an error that is being answered still has all that was read, in its stack.
        if refusal:
            if not await body.is_read_to_its_end():
                refusal[0]["headers"] = [*refusal[0]["headers"], (b"connection", b"close")]
            for message in refusal:
                await send(message)
        elif is_early:
            await body.is_read_to_its_end()
            await send({"type": "http.response.body", "body": b""})


@dataclass
class _Room:
    """Bytes of bodies that the process holds, and by client, what of them arrives slowly."""

    size: int
    held: int = 0
    slow: Counter[str] = field(default_factory=Counter)


class _Body:
    """One request's body.

    Attributes:
        is_whole: nothing more of it comes.
        unheld: there was no room for it; what still comes is thrown away.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        source: Receive,
        room: _Room,
        limits: Limits,
        pace: Pace,
        most: int,
        declared: int,
    ) -> None:
        self._scope = scope
        self._source = source
        self._room = room
        self._pace = pace
        # What can never be held is too large; to tell its client to come back would be a lie.
        self._most = min(most, room.size)
        self._end = min(most + _FORM_OVERHEAD, room.size)
        self._declared = declared
        now = asyncio.get_running_loop().time()
        self._slow_from = now + min(limits.slow_s, limits.body_s)
        self._until = now + limits.body_s
        self._received = self._held = self._slow = 0
        self._is_slow = False
        self.is_whole = self.unheld = False

    async def receive(self) -> Message:
        if self._declared > self._end:
            raise body_too_large(self._most)
        if self.is_whole:
            return await self._source()
        to_come = max(0, self._declared - self._held)
        if self.unheld or self._room.held + to_come > self._room.size:
            self._refuse()
        try:
            message = await self._in_time()
        except TimeoutError as error:
            raise HTTPException(
                408, "the body did not arrive in time", headers={"connection": "close"}
            ) from error
        self._hold(len(message.get("body", b"")))
        if self.is_whole:
            self._settle()
        return message

    async def is_read_to_its_end(self) -> bool:
        """Throw away what still comes; False if that is too much, or takes too long."""
        self._end = self._received + _UNWANTED
        if self._declared > self._end:
            return False
        try:
            while not self.is_whole:
                await self._next(self._until)
        except (TimeoutError, ImageError):
            return False
        return True

    def give_back(self) -> None:
        """Nobody has any of it any more."""
        self._settle()
        self._room.held -= self._held
        self._held = 0

    async def _in_time(self) -> Message:
        if not self._is_slow:
            with suppress(TimeoutError):
                return await self._next(self._slow_from)
            self._is_slow = True
            self._hold(0)
        return await self._next(self._until)

    async def _next(self, until: float) -> Message:
        async with asyncio.timeout_at(until):
            message = await self._source()
        self._received += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self._received > self._end:
            raise body_too_large(self._most)
        return message

    def _hold(self, more: int) -> None:
        """Take so many bytes more, and count them all as slow if it is that."""
        room, slow = self._room, self._held + more if self._is_slow else 0
        others = room.slow[self._client] - self._slow
        # What else the client has is the question: a single body may be as large as any.
        too_much = slow and others and others + slow > room.size // _SHARES
        if too_much or room.held + more > room.size:
            self._refuse()
        room.held += more
        self._held += more
        if slow:
            room.slow[self._client] += slow - self._slow
            self._slow = slow

    def _settle(self) -> None:
        """It arrives no more: it is whole, or nothing more of it is wanted."""
        if self._slow:
            self._room.slow[self._client] -= self._slow
            self._room.slow += Counter()  # forgets whose count is zero
            self._slow = 0

    def _refuse(self) -> NoReturn:
        self.unheld = True
        raise BusyError("too many pictures are arriving; try again later", self._pace.come_back_s())

    @cached_property
    def _client(self) -> str:
        """Who sends it: the key, if one was needed, at an address. By key alone, one of an app's
        users could stop all of them; by address alone, one app all others behind the same proxy.
        """
        request = Request(self._scope)
        return f"{getattr(request.state, 'client', '')} {subscriber(request)}"
