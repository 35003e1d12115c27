"""Many requests with keys at the same moment: who is known goes on, whatever others try."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from limits.storage import memory

import serve.auth
from cv.access.keys import Key, Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from tests.serve.conftest import LIMITS

NOW = datetime(2026, 3, 14, 15, tzinfo=UTC)
HERE, ELSEWHERE = "10.0.0.1", "10.0.0.9"


class Watched(Keys):
    """The real keys; tells what was asked of them, and verifies only while it may."""

    def __init__(self, store: CaseStore) -> None:
        super().__init__(store.database)
        self.verified: list[str] = []
        self.found: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def verify(self, text: str) -> Key | None:
        self.verified.append(text)
        assert self.go.wait(60)
        return super().verify(text)

    def find(self, key_id: str) -> Key | None:
        self.found.append(key_id)
        return super().find(key_id)

    def made(self, name: str) -> str:
        return self.create(name, Role.REPORT, NOW)[1]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Watched]:
    with CaseStore(tmp_path / "cases.sqlite") as store:
        keys = Watched(store)
        yield keys
        keys.go.set()


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an address tried is counted by minutes of the wall clock; here none ends."""
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: 1_773_500_400.0))


@pytest.fixture
def app(detector: Detector, site: Site, keys: Watched) -> FastAPI:
    return create_app(detector, site, limits=LIMITS, keys=keys)


class Clients:
    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def ask(self, text: str, address: str = HERE) -> int:
        transport = httpx2.ASGITransport(self._app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://box") as client:
            return (await client.get("/v1/labels", headers={"X-API-Key": text})).status_code

    async def at_once(self, asked: list[Coroutine[Any, Any, int]]) -> Counter[int]:
        return Counter(await asyncio.gather(*asked))


@pytest.fixture
def clients(app: FastAPI) -> Clients:
    return Clients(app)


def guesses(known: str, count: int) -> list[str]:
    """Of somebody who knows the key's id, which is no secret."""
    return [f"{known[:12]}{number:032d}" for number in range(count)]


async def begun(keys: Watched, count: int = 1) -> None:
    """Until so many keys were begun to be verified."""
    async with asyncio.timeout(60):
        while len(keys.verified) < count:
            await asyncio.sleep(0.01)


def test_one_key_in_many_requests_at_once_is_looked_at_once(
    keys: Watched, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = keys.made("the photo app")

    async def fifty() -> Counter[int]:
        return await clients.at_once([clients.ask(text) for _ in range(50)])

    async def run() -> None:
        assert await fifty() == {200: 50}
        assert (len(keys.verified), keys.found) == (1, [])
        monkeypatch.setattr(serve.auth, "_FRESH_S", 0.0)
        assert await fifty() == {200: 50}
        assert len(keys.verified) == 1
        assert 1 <= len(keys.found) < 25, "who asks meanwhile waits for the same answer"

    asyncio.run(run())


def test_guesses_at_once_cost_no_more_than_one_by_one_and_stop_nobody(
    keys: Watched, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, new = keys.made("the photo app"), keys.made("another app")

    async def run() -> None:
        assert await clients.ask(known) == 200
        monkeypatch.setattr(serve.auth, "_FRESH_S", 0.0)
        keys.go.clear()
        wrong = [asyncio.create_task(clients.ask(guess)) for guess in guesses(known, 40)]
        await begun(keys, 2)
        for _ in range(3):
            assert await clients.ask(known) == 200, "a known key waits for no verification"
        elsewhere = asyncio.create_task(clients.ask(new, ELSEWHERE))
        await asyncio.sleep(0.1)
        keys.go.set()
        assert await elsewhere == 200
        assert Counter(await asyncio.gather(*wrong)) == {401: 10, 429: 30}
        assert len(keys.verified) == 1 + 10 + 1
        assert await clients.ask(guesses(known, 41)[-1]) == 429

    asyncio.run(run())


def test_a_right_key_is_no_try(keys: Watched, clients: Clients) -> None:
    right = [keys.made(f"app {number}") for number in range(11)]

    async def run() -> None:
        assert await clients.at_once([clients.ask(text) for text in right[:10]]) == {200: 10}
        assert await clients.ask(right[10]) == 200
        assert await clients.at_once([clients.ask(g) for g in guesses(right[0], 10)]) == {401: 10}

    asyncio.run(run())


def test_a_refused_address_takes_the_answer_from_nobody_else(
    keys: Watched, clients: Clients
) -> None:
    text = keys.made("the photo app")

    async def run() -> None:
        await clients.at_once([clients.ask(guess) for guess in guesses(text, 10)])
        both = [clients.ask(text, HERE), clients.ask(text, ELSEWHERE)]
        assert await clients.at_once(both) == {429: 1, 200: 1}

    asyncio.run(run())


def test_who_goes_away_takes_the_answer_from_nobody_else(keys: Watched, clients: Clients) -> None:
    text = keys.made("the photo app")

    async def run() -> None:
        keys.go.clear()
        first, second = (asyncio.create_task(clients.ask(text)) for _ in range(2))
        await begun(keys)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        keys.go.set()
        assert await second == 200
        assert len(keys.verified) == 1
        keys.go.clear()
        gone = [asyncio.create_task(clients.ask(guess)) for guess in guesses(text, 10)]
        await begun(keys, 2)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        assert await clients.ask(guesses(text, 11)[-1]) == 429, "what was begun counts"

    asyncio.run(run())
