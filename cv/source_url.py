"""Addresses of cameras, which hold passwords and must not show them."""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import unquote

from cv.errors import SourceError

__all__ = ["SCHEMES", "SourceUrl", "redact"]

SCHEMES = ("rtsp", "rtsps", "http", "https")

_HIDDEN = "***"
_USERINFO = re.compile(r"([a-z][a-z0-9+.-]+:/{1,2})[^\s/?#]*@", re.IGNORECASE)
# admin:secret@host, where somebody forgot the scheme.
_BARE_USERINFO = re.compile(r"(?<![^\s'\"(=])[^\s/@:?#]+:[^\s/@]+@")
# user=admin&password=x in a query, and /user=admin_password=x_channel=1 in cheap cameras' paths.
_TELLTALE_KEY = (
    r"[\w.%-]*(?:user|usr|login|account|pass|pwd|secret|token|key|sig|auth|cred|ticket|session)"
    r"[\w.%-]*|u|p|pw|k|ak|sk|code|jwt|sid"
)
_SECRET_PAIR = re.compile(rf"([?&;/#])({_TELLTALE_KEY})=[^&;#\s]*", re.IGNORECASE)
# An opaque value this long is a ticket, whatever its key is called.
_LONG_VALUE = re.compile(r"([?&;][\w.%-]+)=[^&;#\s]{20,}")
_PORT = re.compile(r":\d*$")


def redact(text: str) -> str:
    """Any text, with users, passwords and tokens of the URLs in it replaced by ***."""
    text = _USERINFO.sub(rf"\g<1>{_HIDDEN}@", text)
    text = _BARE_USERINFO.sub(f"{_HIDDEN}@", text)
    text = _SECRET_PAIR.sub(rf"\g<1>\g<2>={_HIDDEN}", text)
    return _LONG_VALUE.sub(rf"\g<1>={_HIDDEN}", text)


class SourceUrl:
    """The address of a stream or of a recording on a web server.

    Shows itself without user, password and tokens in str(), repr() and format(), and refuses to
    be pickled, so that a secret reaches neither a log nor a file.

    Raises:
        SourceError: not an rtsp, rtsps, http or https URL with a host, or one whose user or
            password holds a character that must be percent-encoded.
    """

    __slots__ = ("__shown", "__text", "scheme")

    def __init__(self, text: str) -> None:
        text = text.strip()
        scheme, separator, rest = text.partition("://")
        self.scheme = scheme.lower()
        if not separator or self.scheme not in SCHEMES:
            allowed = ", ".join(f"{name}://" for name in SCHEMES)
            raise SourceError(f"{_shown(text)}: no stream; a URL begins with {allowed}")
        if any(character.isspace() or not character.isprintable() for character in text):
            raise SourceError(f"{_shown(text)}: a URL holds no spaces; write %20 for one")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        if _is_broken(authority, rest):
            raise SourceError(
                f"{_shown(text)}: cannot tell the host; in a user or password write "
                "%2F for /, %3F for ? and %23 for #, and anywhere else %40 for @"
            )
        if not authority.rpartition("@")[2]:
            raise SourceError(f"{_shown(text)}: a URL needs a host")
        self.__text = text
        self.__shown = redact(text)

    def reveal(self) -> str:
        """The whole address, to open it; never to be shown or stored."""
        return self.__text

    def redact(self, text: str) -> str:
        """A message about this source without its secrets, whichever way they are written."""
        text = text.replace(self.__text, self.__shown)
        authority = re.split(r"[/?#]", self.__text.partition("://")[2], maxsplit=1)[0]
        userinfo = authority.rpartition("@")[0]
        for secret in (userinfo, userinfo.partition(":")[2]):
            for form in (secret, unquote(secret)):
                if len(form) >= 4:
                    text = text.replace(form, _HIDDEN)
        return redact(text)

    def __str__(self) -> str:
        return self.__shown

    def __repr__(self) -> str:
        return f"SourceUrl({self.__shown!r})"

    def __format__(self, spec: str) -> str:
        return format(self.__shown, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SourceUrl) and other.__text == self.__text

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> SourceUrl:
        return self

    def __deepcopy__(self, memo: object) -> SourceUrl:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SourceUrl is not pickled: it may hold a password")


def _is_broken(authority: str, rest: str) -> bool:
    """Whether a password's own / ? or # makes part of it look like host or path."""
    if "@" in rest[len(authority) :]:
        return True
    host = authority.rpartition("@")[2]
    return ":" in host and not host.endswith("]") and not _PORT.search(host)


def _shown(text: str) -> str:
    """A malformed address, as much of it as certainly is no password."""
    scheme, separator, rest = text.partition("://")
    if separator and "@" in rest:
        text = f"{scheme}{separator}{_HIDDEN}@{rest.rpartition('@')[2]}"
    return redact(" ".join(text.split()))
