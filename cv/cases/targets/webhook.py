"""The webhook: CloudEvents 1.0 in structured mode, signed per Standard Webhooks.

The message's key is the event's id, the webhook-id and the Idempotency-Key, on every attempt.
Pictures are links (where `public_url` and KERBWATCH_SECRET are set), never part of the body.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from cv.cases.case import Case
from cv.cases.links import evidence_url, link_secret
from cv.cases.targets import Message, Receipt
from cv.errors import DeliveryError, SiteError

__all__ = ["WebhookTarget"]

TYPE_PREFIX = "org.kerbwatch.case"
_MAX_ANSWER = 64 * 1024


class WebhookTarget:
    """Posts cases to an HTTP receiver.

    Args:
        secret: `whsec_` and base64, as Standard Webhooks has it.
        variable: where the secret came from, for messages.
        public_url: where receivers reach the photo service, which serves evidence.

    Raises:
        SiteError: the secret is not base64.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        variable: str = "secret",
        timeout_s: float = 20.0,
        public_url: str | None = None,
    ) -> None:
        try:
            self._webhook = Webhook(secret)
        except (ValueError, RuntimeError) as error:
            raise SiteError(f"{variable}: not a webhook secret (whsec_ and base64)") from error
        self._url = url
        self._public_url = public_url
        self._client = httpx2.Client(timeout=timeout_s, follow_redirects=False)

    def deliver(self, message: Message) -> Receipt:
        now = datetime.now(UTC)
        body = self._body(message)
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": message.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message.key, now, body),
            "idempotency-key": message.key,
        }
        try:
            with self._client.stream(
                "POST", self._url, content=body.encode(), headers=headers
            ) as answer:
                content = _read(answer)
                _check(answer)
        except httpx2.TimeoutException as error:
            raise DeliveryError("the receiver did not answer in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise DeliveryError(f"connection failed: {type(error).__name__}") from error
        return Receipt(_number(content))

    def close(self) -> None:
        self._client.close()

    def _body(self, message: Message) -> str:
        case = self._with_links(message.case)
        event = CloudEvent(
            attributes={
                "id": message.key,
                "source": f"urn:kerbwatch:camera:{case.source.channel_id}",
                "type": f"{TYPE_PREFIX}.{message.event}",
                "subject": case.id,
                "time": case.time.reported,
                "datacontenttype": "application/json",
            },
            data=case.model_dump(mode="json"),
        )
        return to_structured_event(event, JSONFormat()).body.decode()

    def _with_links(self, case: Case) -> Case:
        """Links to masked pictures only; the others stay here."""
        secret = link_secret()
        if not self._public_url or not secret:
            return case
        items = [
            item.model_copy(update={"url": evidence_url(self._public_url, item.file, secret)})
            if item.masked
            else item
            for item in case.evidence
        ]
        return case.model_copy(update={"evidence": items})


def _read(answer: httpx2.Response) -> bytes:
    """The answer's body, as far as anyone could want it."""
    content = b""
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > _MAX_ANSWER:
            break
    return content[:_MAX_ANSWER]


def _check(answer: httpx2.Response) -> None:
    """2xx is success; everything else is not, redirects included."""
    if answer.is_success:
        return
    wait = answer.headers.get("retry-after")
    raise DeliveryError(
        f"the receiver answered {answer.status_code}",
        retry_after_s=_seconds(wait) if wait else None,
        gone=answer.status_code == 410,
    )


def _seconds(retry_after: str) -> float | None:
    """Retry-After as seconds or an HTTP date (RFC 9110 §10.2.3)."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None


def _number(content: bytes) -> str | None:
    """The case's number at the receiver, from {"number": "..."}."""
    try:
        document: Any = json.loads(content)
    except ValueError:
        return None
    number = document.get("number") if isinstance(document, dict) else None
    return str(number)[:100] if isinstance(number, str | int) else None
