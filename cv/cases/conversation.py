"""Talking to a receiver over HTTP: one delivery's calls, with one end in time for all of them.

Redirects are not followed, answers are limited in size, and nothing that is shown holds an address
or a secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx2

from cv.cases.targets import UnreachableError
from cv.errors import DeliveryError
from cv.source_url import redact

__all__ = ["Answer", "Conversation", "Endpoint", "number_of"]

_LONGEST_WAIT_S = 86400.0
_SLOW_DOWN = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""So Standard Webhooks has it; how long, if `Retry-After` does not say, is the outbox's to find."""
_LONGEST_NUMBER = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; `content` is empty if the answer broke off or was too long."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The content as JSON; None if it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver.

    Attributes:
        url: may hold a user, a password or a token.
        timeout_s: for all calls of one delivery together.
        secrets: further texts that must not be shown.
        longest: bytes of an answer that are read.
    """

    url: str = field(repr=False)
    timeout_s: float = 20.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    longest: int = 64 * 1024

    def safe(self, text: object) -> str:
        """A line without the address, its credentials, the secrets, and what does not print."""
        line = str(text).replace(self.url, "the receiver")
        for secret in _hidden(self.url, self.secrets):
            line = line.replace(secret, "***")
        line = redact(" ".join(line.split()))
        return "".join(c if c.isprintable() else "?" for c in line) or type(text).__name__


class Conversation:
    """The calls of one delivery. Its time begins to run when it is made."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._deadline = monotonic() + endpoint.timeout_s
        # It logs each request's address, tokens included, as information.
        logging.getLogger("httpx2").setLevel(logging.WARNING)

    def call(
        self, method: str, path: str = "", *, headers: Mapping[str, str], **request: Any
    ) -> Answer:
        """One request.

        Args:
            path: appended to the endpoint's address.
            request: `content`, `json`, `data`, `files` or `params`, as httpx takes them.

        Raises:
            UnreachableError: no answer came, or not in time.
        """
        common = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"kerbwatch/{version('kerbwatch')}",
        }
        url = self._endpoint.url + path
        return asyncio.run(self._call(method, url, {**common, **headers}, request))

    def checked(self, answer: Answer, now: datetime | None = None) -> Answer:
        """The answer, if it is 2xx; everything else is a failure, redirects included.

        Args:
            now: aware; by default the present.

        Raises:
            UnreachableError: it, or the gateway before it, can take no more now.
            DeliveryError: anything else; with what the receiver said, as far as that fits a line.
        """
        if answer.is_success:
            return answer
        said = " ".join(answer.content[:400].decode("utf-8", "replace").split())[:120]
        text = f"answered {answer.status} {_phrase(answer.status)}".strip()
        if 300 <= answer.status < 400:
            said = "redirects are not followed; give the new address in the site file"
        wait_s = _seconds(answer.headers.get("retry-after"), now or datetime.now(UTC))
        kind = UnreachableError if answer.status in _SLOW_DOWN else DeliveryError
        raise kind(
            self._endpoint.safe(f"{text}: {said}" if said else text),
            retry_after_s=wait_s,
            gone=answer.status == HTTPStatus.GONE,
        )

    async def _call(
        self, method: str, url: str, headers: dict[str, str], request: dict[str, Any]
    ) -> Answer:
        """asyncio, because only so the whole call has an end.

        The time-outs of a blocking client are for each read: a receiver that sends a byte now and
        then would hold the message beyond its lease. Once the status is here the rest of the
        answer matters little: whatever goes wrong with it, the receiver has what was sent.
        """
        head: Answer | None = None
        try:
            async with (
                asyncio.timeout(max(0.0, self._deadline - monotonic())),
                httpx2.AsyncClient(timeout=None, follow_redirects=False, verify=_tls()) as client,
                client.stream(method, url, headers=headers, **request) as response,
            ):
                head = Answer(response.status_code, response.headers)
                content = await _read(response, self._endpoint.longest)
                return Answer(response.status_code, response.headers, content)
        except TimeoutError:
            if head is None:
                text = f"no answer within {self._endpoint.timeout_s:g} s"
                raise UnreachableError(text) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if head is None:
                raise UnreachableError(f"no answer: {self._endpoint.safe(error)}") from None
        return head


@cache
def _tls() -> ssl.SSLContext:
    """Made once: to read all certificates anew takes longer than most calls do (90 ms)."""
    return httpx2.create_ssl_context()


def number_of(value: object) -> str | None:
    """A receiver's number for a case, if it can be one: text or an integer, short, printable."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_NUMBER else None


def _hidden(url: str, secrets: tuple[str, ...]) -> list[str]:
    """What must not be shown, longest first: the secrets, an address's user, password, query.

    As written, and as it means.
    """
    parts = urlsplit(url)
    given = [parts.username, parts.password, *(v for _, v in parse_qsl(parts.query)), parts.query]
    given += secrets
    found = {form for text in given if text for form in (text, unquote(text), quote(text, safe=""))}
    return sorted((text for text in found if len(text) >= 4), key=len, reverse=True)


async def _read(response: httpx2.Response, longest: int) -> bytes:
    """The answer's body if it is as small as it should be, else nothing."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > longest:
            return b""
    return content


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in list(HTTPStatus) else ""


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After, seconds or an HTTP date (RFC 9110 §10.2.3), as seconds, at most a day."""
    if not retry_after:
        return None
    text = retry_after.strip()
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text)
        else:
            date = parsedate_to_datetime(text)
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
