"""The webhook: CloudEvents 1.0 in structured mode, signed per Standard Webhooks.

The message's key is the event's id, the webhook-id and the Idempotency-Key, on every attempt.
Pictures are links, never part of the body: Standard Webhooks advises bodies below 20 KB.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx2
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from cv.cases.case import SCHEMA_ID
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, Receipt, UnreachableError
from cv.detect.source_url import redact
from cv.errors import DeliveryError, SiteError

__all__ = ["WebhookTarget", "signing_secret"]

_MAX_ANSWER = 64 * 1024
_LONGEST_WAIT_S = 86400.0
_LEAST_SECRET = 24
_PREFIX = "whsec_"


def signing_secret(text: str | None, variable: str) -> str:
    """Check a signing secret: `whsec_` and 24 or more bytes in base64.

    Args:
        variable: the environment variable that it came from; messages name it, never the value.

    Raises:
        SiteError: there is none, or it is no such secret.
    """
    hint = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
    if not text:
        raise SiteError(f"environment variable {variable} is not set, so nothing can be signed")
    try:
        content = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        content = b""
    if len(content) < _LEAST_SECRET:
        raise SiteError(f"{variable}: is not {_PREFIX} and base64 of 24 or more bytes; {hint}")
    return text.strip()


@dataclass(slots=True)
class _Answer:
    status: int
    retry_after: str | None
    content: bytes = b""


class WebhookTarget:
    """Posts cases to an HTTP receiver.

    Args:
        url: may hold a user, a password or a token.
        secret: as `signing_secret` returns it.
        outgoing: what may leave.
        timeout_s: for a whole call.
        clock: aware UTC; signs and reads dates with it.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        outgoing: Outgoing,
        *,
        timeout_s: float = 20.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._hidden = _secrets_of(url)
        self._webhook = Webhook(secret)
        self._outgoing = outgoing
        self._timeout_s = timeout_s
        self._clock = clock
        # It logs each request's address, tokens included, as information.
        logging.getLogger("httpx2").setLevel(logging.WARNING)

    def deliver(self, message: Message) -> Receipt:
        now = self._clock()
        body = self._body(message, now)
        headers = {
            "content-type": JSONFormat.CONTENT_TYPE,
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"kerbwatch/{version('kerbwatch')}",
            "idempotency-key": message.key,
            "webhook-id": message.key,
            "webhook-timestamp": str(math.floor(now.timestamp())),
            "webhook-signature": self._webhook.sign(message.key, now, body),
        }
        answer = asyncio.run(self._post(body.encode(), headers))
        self._check(answer, now)
        return Receipt(_number(answer.content))

    def close(self) -> None:
        """Nothing stays open: minutes lie between two cases."""

    def _body(self, message: Message, now: datetime) -> str:
        case = self._outgoing.with_links(message.case, now)
        site, camera = quote(case.source.site, safe=""), quote(case.source.channel_id, safe="")
        event = CloudEvent(
            attributes={
                "id": message.key,
                "source": f"/{site}/{camera}",
                "type": f"org.kerbwatch.case.{message.event}",
                "subject": case.id,
                "time": case.time.reported,
                "datacontenttype": "application/json",
                "dataschema": SCHEMA_ID,
            },
            data=case.model_dump(mode="json"),
        )
        return to_structured_event(event, JSONFormat()).body.decode()

    async def _post(self, body: bytes, headers: dict[str, str]) -> _Answer:
        """One request. asyncio, because only so the whole call has an end.

        The time-outs of a blocking client are for each read: a receiver that sends a byte now and
        then would hold the message beyond its lease. Once the status is here the rest of the
        answer matters little: whatever goes wrong with it, the receiver has the case.
        """
        answer: _Answer | None = None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                answer = _Answer(response.status_code, response.headers.get("retry-after"))
                answer.content = await _read(response)
        except TimeoutError:
            if answer is None:
                raise UnreachableError(f"no answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if answer is None:
                raise UnreachableError(f"no answer: {self._safe(error)}") from None
        return answer

    def _check(self, answer: _Answer, now: datetime) -> None:
        """2xx is success; everything else is not, redirects included.

        Raises:
            DeliveryError: with what the receiver said, as far as that fits a line.
        """
        if 200 <= answer.status < 300:
            return
        said = " ".join(answer.content[:400].decode("utf-8", "replace").split())[:120]
        text = f"answered {answer.status} {_phrase(answer.status)}".strip()
        if 300 <= answer.status < 400:
            said = "redirects are not followed; give the new address in the site file"
        raise DeliveryError(
            self._safe(f"{text}: {said}" if said else text),
            retry_after_s=_seconds(answer.retry_after, now),
            gone=answer.status == HTTPStatus.GONE,
        )

    def _safe(self, text: object) -> str:
        """A line without our address, its credentials, and what does not print."""
        line = str(text).replace(self._url, "the receiver")
        for secret in self._hidden:
            line = line.replace(secret, "***")
        line = redact(" ".join(line.split()))
        return "".join(c if c.isprintable() else "?" for c in line) or type(text).__name__


def _secrets_of(url: str) -> list[str]:
    """What of an address must not be shown: user, password, the values of its query; longest first.

    As written, and as it means.
    """
    parts = urlsplit(url)
    given = [parts.username, parts.password, *(v for _, v in parse_qsl(parts.query)), parts.query]
    found = {form for text in given if text for form in (text, unquote(text), quote(text, safe=""))}
    return sorted((text for text in found if len(text) >= 4), key=len, reverse=True)


async def _read(response: httpx2.Response) -> bytes:
    """The answer's body if it is as small as it should be, else nothing."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > _MAX_ANSWER:
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


def _number(content: bytes) -> str | None:
    """The case's number at the receiver, from {"number": "..."}."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    number = document.get("number") if isinstance(document, dict) else None
    if isinstance(number, bool) or not isinstance(number, str | int):
        return None
    text = str(number).strip()
    return text if text.isprintable() and 0 < len(text) <= 100 else None
