"""The errors kerbwatch raises on purpose.

KerbwatchError
├── UserError          what the user gave cannot be used: one line on stderr, exit status 2
│   ├── SiteError      the site file
│   ├── SourceError    a photo, clip or stream
│   ├── ImageError     one image's bytes (HTTP: 413, 415 or 422)
│   └── ModelError     a model file, backend or training input
├── StoreError         the case store's database refused something, or is away (HTTP: 503)
└── DeliveryError      a receiver did not take a case; the outbox tries again

Every message is a single line that names the thing and, where there is a choice, what is allowed.
"""

from __future__ import annotations

__all__ = [
    "DeliveryError",
    "ImageError",
    "KerbwatchError",
    "ModelError",
    "SiteError",
    "SourceError",
    "StoreError",
    "UserError",
]


class KerbwatchError(Exception):
    """Root of the family; `exit_code` is what the command line returns."""

    exit_code = 1


class UserError(KerbwatchError):
    """The user's input is at fault and a message can say how to mend it."""

    exit_code = 2


class SiteError(UserError):
    """The site file is missing, malformed or contradicts itself."""


class SourceError(UserError):
    """A photo, clip or stream cannot be opened or read at all."""


class ModelError(UserError):
    """A model file, backend or training input cannot be used."""


class ImageError(UserError):
    """An image's bytes are refused.

    Attributes:
        status: the HTTP status that fits (413 too large, 415 wrong type, 422 not decodable).
        message_zh: the same message in Chinese, for the photo service.
    """

    def __init__(self, message: str, *, status: int, message_zh: str) -> None:
        super().__init__(message)
        self.status = status
        self.message_zh = message_zh


class StoreError(KerbwatchError):
    """The case store's database refused something, or is away.

    Attributes:
        passing: the same may work in a moment.
        undone: nothing of it is stored. Otherwise the connection was lost while it was being
            committed, and nobody knows.
    """

    def __init__(self, message: str, *, passing: bool = False, undone: bool = True) -> None:
        super().__init__(message)
        self.passing = passing
        self.undone = undone


class DeliveryError(KerbwatchError):
    """A receiver refused a case, failed or did not answer.

    Attributes:
        retry_after_s: seconds the receiver asked to wait, if it did.
        gone: the receiver said that it wants nothing any more (HTTP 410).
        permanent: it would refuse the same again; a person has to mend something first.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        gone: bool = False,
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.gone = gone
        self.permanent = permanent
