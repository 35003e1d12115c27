"""Signed, expiring links to evidence: receivers fetch pictures instead of getting them inline."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from cv.errors import UserError
from cv.site.receivers import SECRET_VARIABLE

__all__ = [
    "LINK_LIFE_S",
    "SECRET_VARIABLE",
    "ExpiredLinkError",
    "evidence_url",
    "link_secret",
    "verify",
]

LINK_LIFE_S = 7 * 86400
"""A receiver must copy what it wants to keep."""

_ASKEW_S = 3600
"""Who signs may be another machine than who serves, with a clock that is a little ahead."""
_LEAST_SECRET = 16
_SALT = "kerbwatch evidence 1"


class ExpiredLinkError(UserError):
    """A link that was valid until it expired; `file` is what it stood for."""

    def __init__(self, file: str) -> None:
        super().__init__("the link has expired")
        self.file = file


def link_secret() -> str | None:
    """The signing secret, from the environment; None if there is none.

    Raises:
        UserError: it is too short to be one.
    """
    secret = os.environ.get(SECRET_VARIABLE)
    if secret and len(secret) < _LEAST_SECRET:
        raise UserError(f"{SECRET_VARIABLE}: is too short; give {_LEAST_SECRET} characters or more")
    return secret or None


def evidence_url(public_url: str, file: str, secret: str, *, now: datetime | None = None) -> str:
    """A link to <data>/<file> that the service's /v1/evidence answers for `LINK_LIFE_S`.

    Args:
        public_url: where receivers reach the service, without a slash at its end.
        now: aware; by default the present.
    """
    return f"{public_url}/v1/evidence/{_serializer(secret, now).dumps(file)}"


def verify(
    token: str, secret: str, max_age_s: float = LINK_LIFE_S, *, now: datetime | None = None
) -> str:
    """The file, relative to the data folder, that a link's token stands for.

    Raises:
        ExpiredLinkError: it has expired.
        UserError: the token was not signed with this secret.
    """
    file: str
    try:
        file, signed = _serializer(secret, now).loads(token, return_timestamp=True)
    except BadData:
        raise UserError("the link is not valid") from None
    age_s = ((now or datetime.now(UTC)) - signed).total_seconds()
    if not -_ASKEW_S <= age_s <= max_age_s:
        raise ExpiredLinkError(file)
    return file


class _Signer(TimestampSigner):
    """Signs as of a given moment."""

    def __init__(self, *args: Any, now: datetime | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now.timestamp()) if self._now else super().get_timestamp()


def _serializer(secret: str, now: datetime | None) -> URLSafeTimedSerializer:
    options = {"now": now, "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(secret, salt=_SALT, signer=_Signer, signer_kwargs=options)
