"""Signed, expiring links to evidence: receivers fetch pictures instead of getting them inline."""

from __future__ import annotations

import os

from itsdangerous import BadData, URLSafeTimedSerializer

from cv.errors import UserError

__all__ = ["SECRET_VARIABLE", "evidence_url", "link_secret", "verify"]

SECRET_VARIABLE = "KERBWATCH_SECRET"  # noqa: S105 - the variable's name
MAX_AGE_S = 30 * 86400
_SALT = "kerbwatch evidence 1"


def link_secret() -> str | None:
    """The signing secret, from the environment."""
    return os.environ.get(SECRET_VARIABLE) or None


def evidence_url(public_url: str, file: str, secret: str) -> str:
    """A link to <data>/<file> that the photo service's /v1/evidence answers for 30 days."""
    return f"{public_url}/v1/evidence/{_serializer(secret).dumps(file)}"


def verify(token: str, secret: str, max_age_s: float = MAX_AGE_S) -> str:
    """The file, relative to the data folder, that a link's token stands for.

    Raises:
        UserError: the token is not ours, or expired.
    """
    try:
        file: str = _serializer(secret).loads(token, max_age=int(max_age_s))
    except BadData as error:
        raise UserError("the link is not valid or has expired") from error
    return file


def _serializer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt=_SALT)
