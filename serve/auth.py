"""Who asks, and whether they may. Each router says the role that it needs; nothing else does.

Keys are demanded as soon as one was made. Until then the service answers everybody, which is why
`kerbwatch serve` then listens on this machine only.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from cv.access.keys import Key, Keys
from cv.access.roles import Role
from cv.errors import KerbwatchError
from serve.limits import BusyError, PerMinute, subscriber
from serve.other_pages import is_of_other_page

__all__ = ["BEARER", "HEADER", "AccessError", "Guard", "Needs"]

_T = TypeVar("_T")
_FRESH_S = 2.0
"""How long what the database said of a key holds: a revoked key ends within it."""
_REMEMBERED = 1024
_WAITING = 32
_UNKNOWN_KEYS = 10
"""Different ones that a subscriber may try a minute; one that is right is given back."""

BEARER = HTTPBearer(auto_error=False, description="`Authorization: Bearer kw_...`")
HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")


class AccessError(KerbwatchError):
    """No key, an unknown one (HTTP 401), or one whose role does not suffice (403)."""

    def __init__(self, status: int, message: str, message_zh: str) -> None:
        super().__init__(message)
        self.status = status
        self.message_zh = message_zh


class Guard:
    """Knows the keys. Verifies off the event loop, one at a time: argon2 takes 64 MiB and 0.1 s.

    A text that was verified is remembered as a keyed digest, so that a key costs that once, right
    or wrong, and once for all who send it meanwhile. Who tries wrong ones is soon refused before
    they cost anything; known keys go on, and wait for no verification.

    Args:
        keys: None lets everybody in.
    """

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys
        self._salt = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, tuple[Key, float]] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._tries = PerMinute(_UNKNOWN_KEYS, "unknown keys")
        self._demanded = (False, float("-inf"))
        self._verifying = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="known-keys")
        self._asked: dict[bytes, _Asked] = {}

    async def needs_key(self, request: Request) -> bool:
        """Whether a key is needed at all: until there is one, everybody on this machine may ask.

        Raises:
            AccessError: it is a page of another site that asks, not somebody on this machine.
        """
        if await self._demands():
            return True
        if self._keys is not None and is_of_other_page(request):
            raise AccessError(
                403,
                "without a key, only http://localhost and http://127.0.0.1 are answered; "
                "make one with `kerbwatch keys create`",
                "尚无密钥时仅响应 http://localhost 和 http://127.0.0.1；"
                "请先用 kerbwatch keys create 创建密钥",
            )
        return False

    async def _demands(self) -> bool:
        demanded, asked = self._demanded
        if self._keys is None or demanded:
            return demanded
        if monotonic() - asked > _FRESH_S:
            demanded = await _by(self._reading, self._keys.any)
            self._demanded = demanded, monotonic()
        return demanded

    async def key(self, text: str, client: str) -> Key | None:
        """The valid key of this text.

        Args:
            client: the subscriber who sent it.

        Raises:
            BusyError: too many unknown keys are being verified.
            RateError: the subscriber tried too many wrong ones, or has as many verified now.
        """
        digest = hashlib.blake2b(text.encode(), key=self._salt).digest()
        if digest in self._wrong:
            return None
        key, asked = self._verified.get(digest, (None, 0.0))
        if key is not None and monotonic() - asked <= _FRESH_S:
            return key
        under_way = self._asked.get(digest)
        if under_way is None:
            if key is None:
                self._admit(client)
                under_way = _Asked(asyncio.create_task(self._verify(digest, text, client)), client)
            else:
                under_way = _Asked(asyncio.create_task(self._read(digest, key.id)), None)
            self._asked[digest] = under_way
            under_way.answer.add_done_callback(lambda _: self._asked.pop(digest))
        # Shielded: a client that goes away takes the answer from nobody who waits for the same.
        return await asyncio.shield(under_way.answer)

    def _admit(self, client: str) -> None:
        """Refuse an unknown key before it costs anything. Until one is known to be right it counts
        as a try: those that come together could else all be verified before the first is counted.
        """
        unknown = [asked.client for asked in self._asked.values() if asked.client is not None]
        self._tries.check(client, unknown.count(client) + 1)
        if len(unknown) >= _WAITING:
            raise BusyError("too many keys are being verified; try again in a second", 1)

    async def _verify(self, digest: bytes, text: str, client: str) -> Key | None:
        keys = self._keys
        assert keys is not None
        key = self._learnt(digest, await _by(self._verifying, lambda: keys.verify(text)))
        if key is None:
            self._tries.count(client)
        return key

    async def _read(self, digest: bytes, key_id: str) -> Key | None:
        keys = self._keys
        assert keys is not None
        return self._learnt(digest, await _by(self._reading, lambda: keys.find(key_id)))

    def _learnt(self, digest: bytes, key: Key | None) -> Key | None:
        if key is None or key.revoked_at is not None:
            # For good: what was never a key, or is one no more, does not become one.
            self._verified.pop(digest, None)
            _remember(self._wrong, digest, None)
            return None
        _remember(self._verified, digest, (key, monotonic()))
        return key


class _Asked(NamedTuple):
    """What the database is being asked of a key; `client` is who sent it, if it is unknown."""

    answer: asyncio.Task[Key | None]
    client: str | None


async def _by(pool: ThreadPoolExecutor, question: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(pool, question)


def _remember(known: OrderedDict[bytes, _T], digest: bytes, what: _T) -> None:
    """The oldest are forgotten: a flood costs no memory."""
    known[digest] = what
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


class Needs:
    """The dependency of routes that need a role.

    Leaves who it is in `request.state`, also of who is refused for its role: `client` is the key's
    id, `holder` its name for people, `role` its role.
    """

    def __init__(self, guard: Guard, role: Role) -> None:
        self.role = role
        self.guard = guard

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
        header: Annotated[str | None, Security(HEADER)] = None,
    ) -> None:
        if not await self.guard.needs_key(request):
            return
        text = bearer.credentials if bearer else header
        if bearer is None and "authorization" in request.headers:
            raise AccessError(401, "Authorization: send Bearer kw_...", "Authorization 格式有误")
        await self.admit(request, text)

    async def admit(self, request: Request, text: str | None) -> None:
        """Let in whoever has a key with this text.

        Raises:
            AccessError: there is none, or its role does not suffice.
        """
        if not text:
            raise AccessError(
                401,
                "a key is needed: Authorization: Bearer kw_...",
                "需要密钥：Authorization: Bearer kw_...",
            )
        key = await self.guard.key(text, subscriber(request))
        if key is None:
            raise AccessError(401, "the key is unknown or revoked", "密钥无效或已吊销")
        request.state.client, request.state.holder = key.id, key.name
        request.state.role = key.role
        if not key.role.includes(self.role):
            raise AccessError(
                403,
                f"a key of role {self.role} is needed; this one has {key.role}",
                f"权限不足：需要角色 {self.role}，当前为 {key.role}",
            )
