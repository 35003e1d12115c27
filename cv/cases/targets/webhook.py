"""The webhook: CloudEvents 1.0 in structured mode, signed per Standard Webhooks.

The message's key is the event's id, the webhook-id and the Idempotency-Key, on every attempt.
Pictures are links, never part of the body: Standard Webhooks advises bodies below 20 KB.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote

from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from cv.cases.case import SCHEMA_ID
from cv.cases.conversation import Answer, Conversation, Endpoint, number_of
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, Receipt
from cv.errors import SiteError
from cv.site import Webhook as Settings

__all__ = ["WebhookTarget", "signing_secrets"]

_LEAST_SECRET = 24
_PREFIX = "whsec_"


def signing_secrets(text: str | None, variable: str) -> tuple[str, ...]:
    """The signing secrets in a text, each `whsec_` and 24 or more bytes in base64.

    There are several while a receiver changes from one to the next: spaces or commas between them.

    Args:
        variable: the environment variable that it came from; messages name it, never the value.

    Raises:
        SiteError: there is none, or one is no such secret.
    """
    secrets = tuple(dict.fromkeys(re.split(r"[\s,]+", (text or "").strip(" \t\r\n,"))))
    if secrets == ("",):
        raise SiteError(f"environment variable {variable} is not set, so nothing can be signed")
    for number, secret in enumerate(secrets, 1):
        if not _is_secret(secret):
            which = f"secret {number} of {len(secrets)} " if len(secrets) > 1 else ""
            hint = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
            raise SiteError(
                f"{variable}: {which}is not {_PREFIX} and base64 of {_LEAST_SECRET} or more bytes; "
                f"{hint}"
            )
    return secrets


def _is_secret(text: str) -> bool:
    try:
        content = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return False
    return len(content) >= _LEAST_SECRET


class WebhookTarget:
    """Posts cases to an HTTP receiver.

    Args:
        url: may hold a user, a password or a token.
        secrets: as `signing_secrets` returns them; a message is signed with each.
        outgoing: what may leave.
        timeout_s: for a whole call.
        clock: aware UTC; signs and reads dates with it.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        outgoing: Outgoing,
        *,
        timeout_s: float = 20.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoint = Endpoint(url, timeout_s)
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._outgoing = outgoing
        self._clock = clock

    @classmethod
    def of(cls, settings: Settings, outgoing: Outgoing) -> Self:
        secrets = signing_secrets(os.environ.get(settings.secret_env), settings.secret_env)
        return cls(settings.url, secrets, outgoing, timeout_s=settings.timeout_s)

    def deliver(self, message: Message) -> Receipt:
        now = self._clock()
        body = self._body(message, now)
        headers = {
            "content-type": JSONFormat.CONTENT_TYPE,
            "idempotency-key": message.key,
            "webhook-id": message.key,
            "webhook-timestamp": str(math.floor(now.timestamp())),
            # Standard Webhooks: a receiver takes the message if any of the signatures is its own.
            "webhook-signature": " ".join(w.sign(message.key, now, body) for w in self._webhooks),
        }
        talk = Conversation(self._endpoint)
        answer = talk.call("POST", headers=headers, content=body.encode())
        return Receipt(_number(talk.checked(answer, now)))

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


def _number(answer: Answer) -> str | None:
    """The case's number at the receiver, from {"number": "..."}."""
    document = answer.json()
    return number_of(document.get("number")) if isinstance(document, dict) else None
