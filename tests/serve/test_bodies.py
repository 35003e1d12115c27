"""Bodies that arrive slowly, stall, break off, or are more than there is room for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from serve.limits import Limits
from tests.serve.conftest import jpeg
from tests.serving import serving

NOW = datetime(2026, 3, 14, 15, tzinfo=UTC)
ROOM = 900_000
LIMITS = Limits(
    image_bytes=600_000, request_bytes=600_000, held_bytes=ROOM, body_s=60, rate=0, within_s=60
)
FORM = "multipart/form-data; boundary=bb"
KINDS = {
    "/v1/photos": FORM,
    "/v1/detect/batch": FORM,
    "/open311/v2/requests.json": "application/x-www-form-urlencoded",
    "/v1/cases/kw-1/review": "application/json",
}
PART = b'--bb\r\ncontent-disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes


class Sending:
    """A request whose body arrives as the test says; chunked unless it declares a length."""

    def __init__(
        self,
        app: FastAPI,
        path: str = "/v1/photos",
        *,
        address: str = "10.0.0.1",
        key: str = "",
        declared: int | None = None,
    ) -> None:
        self._parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._said: list[dict[str, Any]] = []
        headers = {"content-type": KINDS.get(path, "image/jpeg")}
        headers |= {"x-api-key": key} if key else {}
        headers |= (
            {"transfer-encoding": "chunked"}
            if declared is None
            else {"content-length": str(declared)}
        )
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (address, 1),
        }
        self._running = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._parts.empty():
            self._taken.set()
        return await self._parts.get()

    async def _send(self, message: dict[str, Any]) -> None:
        self._said.append(message)

    async def send(self, part: bytes) -> Sending:
        """Gives itself, once the service has taken what was sent, or answered."""
        self._taken.clear()
        self._parts.put_nowait({"type": "http.request", "body": part, "more_body": True})
        taken = asyncio.create_task(self._taken.wait())
        await asyncio.wait({taken, self._running}, return_when=asyncio.FIRST_COMPLETED)
        taken.cancel()
        return self

    @property
    def is_answered(self) -> bool:
        return bool(self._said)

    async def answer(self) -> Answer:
        await self._running
        start, *parts = self._said
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(part["body"] for part in parts))

    async def end(self, part: bytes = b"\r\n--bb--\r\n") -> Answer:
        self._parts.put_nowait({"type": "http.request", "body": part, "more_body": False})
        return await self.answer()

    async def go_away(self) -> None:
        """As a phone that loses its connection."""
        self._parts.put_nowait({"type": "http.disconnect"})
        await self._running


@pytest.fixture
def app(detector: Detector, site: Site) -> FastAPI:
    return create_app(detector, site, limits=LIMITS)


def run(app: FastAPI, test: Callable[[], Awaitable[None]]) -> None:
    async def running() -> None:
        async with app.router.lifespan_context(app), asyncio.timeout(120):
            await test()

    asyncio.run(running())


async def detected(app: FastAPI, address: str = "10.0.0.9", size: int = 0, key: str = "") -> int:
    """The status that a picture of so many bytes is answered with."""
    picture = jpeg().ljust(size, b"\0")
    sending = Sending(app, "/v1/detect", address=address, key=key, declared=len(picture))
    await sending.send(picture)
    return (await sending.end(b"")).status


@pytest.mark.parametrize("declared", [None, 600_000], ids=["chunked", "with a length"])
def test_uploads_that_stall_hold_what_has_arrived_and_no_more(
    app: FastAPI, declared: int | None
) -> None:
    async def test() -> None:
        stalled = [await Sending(app, declared=declared).send(PART) for _ in range(10)]
        assert not any(sending.is_answered for sending in stalled)
        assert await detected(app, "10.0.0.1") == 200
        assert await detected(app, "10.0.0.9", 600_000) == 200
        for sending in stalled:
            await sending.go_away()

    run(app, test)


def test_what_finds_no_room_as_it_grows_is_told_to_come_back(app: FastAPI) -> None:
    async def test() -> None:
        begun = [await Sending(app).send(PART + bytes(240_000)) for _ in range(3)]
        one = await begun[0].send(bytes(150_000))
        assert not one.is_answered
        refused = await begun[1].send(bytes(150_000))
        # A client that is still sending hears no answer; but nothing of it is held any more.
        assert not refused.is_answered
        await refused.send(bytes(100_000))
        grown = await begun[2].send(bytes(150_000))
        assert not grown.is_answered, "what was refused has made room"
        answer = await refused.end()
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "detail_zh" in answer.content.decode()
        assert await detected(app, size=300_000) == 503
        await one.go_away()
        assert await detected(app, size=300_000) == 200
        await grown.go_away()

    run(app, test)


def test_what_was_refused_and_goes_on_too_long_is_hung_up_on(
    detector: Detector, site: Site
) -> None:
    limits = Limits(image_bytes=600_000, held_bytes=100_000, body_s=1.0, slow_s=0.5, rate=0)
    app = create_app(detector, site, limits=limits)

    async def test() -> None:
        holding = await Sending(app, "/v1/detect", address="10.0.0.9").send(bytes(60_000))
        refused = await Sending(app, "/v1/detect").send(bytes(60_000))
        assert not refused.is_answered
        answer = await refused.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert (await holding.answer()).status == 408

    run(app, test)


def test_one_clients_slow_uploads_leave_room_for_the_others(detector: Detector, site: Site) -> None:
    app = create_app(detector, site, limits=replace(LIMITS, slow_s=2.0))

    async def test() -> None:
        slow = [await Sending(app).send(PART + bytes(140_000)) for _ in range(6)]
        assert await detected(app, "10.0.0.9", 300_000) == 503, "as long as it may still be quick"
        await asyncio.sleep(2.5)
        assert await detected(app, "10.0.0.9", 600_000) == 200
        assert await detected(app, "10.0.0.1", 600_000) == 200, "what is quick is not meant"
        statuses = [(await sending.end()).status for sending in slow]
        assert statuses == [415, 415, 503, 503, 503, 503], "two have the client's third"

    run(app, test)


def test_a_slow_upload_may_be_as_large_as_any_if_it_is_the_only_one(
    detector: Detector, site: Site
) -> None:
    app = create_app(detector, site, limits=replace(LIMITS, slow_s=0.2))

    async def test() -> None:
        alone = await Sending(app).send(PART + bytes(200_000))
        await asyncio.sleep(0.4)
        await alone.send(bytes(300_000))
        other = await Sending(app).send(PART + bytes(10_000))
        await asyncio.sleep(0.4)
        assert (await other.end()).status == 503
        assert (await alone.end()).status == 415

    run(app, test)


def test_another_key_or_address_is_another_client(
    detector: Detector, site: Site, tmp_path: Path
) -> None:
    with CaseStore(tmp_path / "cases.sqlite") as store:
        keys = Keys(store.database)
        one, other = (keys.create(name, Role.REPORT, NOW)[1] for name in ("one", "other"))
        app = create_app(detector, site, limits=replace(LIMITS, slow_s=0.2), keys=keys)

        async def test() -> None:
            slow = [
                await Sending(app, address=address, key=key).send(PART + bytes(200_000))
                for address, key in [("10.0.0.1", one), ("10.0.0.1", other), ("10.0.0.9", one)]
            ]
            await asyncio.sleep(0.4)
            assert [(await sending.end()).status for sending in slow] == [415] * 3

        run(app, test)


def test_what_can_never_be_held_is_not_told_to_come_back(detector: Detector, site: Site) -> None:
    limits = Limits(image_bytes=5_000_000, held_bytes=1_000_000, rate=0)
    app = create_app(detector, site, limits=limits)

    async def test() -> None:
        assert await detected(app, size=2_000_000) == 413

    run(app, test)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (413, "/v1/detect", {"content-type": "image/jpeg"}),
        (413, "/v1/detect", {"content-type": "image/jpeg", "connection": "close"}),
        (413, "/v1/detect", {"content-type": "image/jpeg", "transfer-encoding": "chunked"}),
        (415, "/v1/detect", {"content-type": "text/plain", "connection": "close"}),
        (404, "/v1/detected", {"connection": "close"}),
    ],
)
def test_who_reads_only_after_sending_hears_why_it_was_refused(
    app: FastAPI, status: int, path: str, headers: dict[str, str]
) -> None:
    """Else it hears that its connection broke, and sends the same picture again and again."""
    is_chunked = "transfer-encoding" in headers
    parts = [bytes(100_000)] * (200 if status == 413 else 6)
    body = iter(parts) if is_chunked else b"".join(parts)
    with serving(app) as port, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        client.request("POST", path, body, headers, encode_chunked=is_chunked)
        assert client.getresponse().status == status


def test_what_goes_on_long_after_it_was_refused_is_not_read_to_its_end(app: FastAPI) -> None:
    async def test() -> None:
        endless = await Sending(app, "/v1/detect").send(bytes(700_000))
        assert endless.is_answered
        for _ in range(40):
            await endless.send(bytes(1_000_000))
        answer = await endless.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        huge = await Sending(app, "/v1/detect", declared=10**9).answer()
        assert (huge.status, huge.headers["connection"]) == (413, "close")

    run(app, test)


@pytest.mark.parametrize("path", ["/v1/detect", *KINDS])
def test_a_phone_that_loses_its_connection_is_no_fault_of_the_service(
    detector: Detector, site: Site, tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with CaseStore(tmp_path / "cases.sqlite") as store:
        app = create_app(detector, site, limits=LIMITS, store=store)

        async def test() -> None:
            sending = await Sending(app, path, declared=50_000).send(PART + bytes(1000))
            await sending.go_away()

        run(app, test)
        metrics = TestClient(app).get("/metrics").text
        counted = re.findall(r'kerbwatch_requests_total{.*status="(\d+)"}', metrics)
        assert counted == ["499"]
        assert caplog.messages == []
