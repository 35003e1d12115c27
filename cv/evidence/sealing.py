"""Encryption of originals: AES-256-GCM, the key from the environment.

A sealed file is `KWO1`, the key's id (8 bytes), the SHA-256 of what is inside (32), a nonce (12)
and the ciphertext with its tag. All that stands before the ciphertext, and the file's name, are
authenticated: a file that was changed, or put in another's place, does not open. The digest stands
outside so that what is deleted can be named without a key; it tells nothing of a picture that one
does not have already.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cv.errors import UserError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_VARIABLE", "SealingKeys", "new_key", "sealed_digest", "sealing_keys"]

KEY_VARIABLE = "KERBWATCH_ORIGINALS_KEY"

_MAGIC = b"KWO1"
_KEY_BYTES = 32
_ID_BYTES = 8
_DIGEST_AT = len(_MAGIC) + _ID_BYTES
_NONCE_AT = _DIGEST_AT + 32
_HEADER_BYTES = _NONCE_AT + 12


def new_key() -> str:
    """A fresh key as the environment variable takes it."""
    return urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def sealing_keys() -> SealingKeys | None:
    """The keys in the environment, several apart by commas or blanks, the newest first.

    Raises:
        UserError: one of them is no key.
    """
    texts = re.split(r"[\s,]+", os.environ.get(KEY_VARIABLE, "").strip(", \t\r\n"))
    if texts == [""]:
        return None
    return SealingKeys(tuple(_key(text, number) for number, text in enumerate(texts, 1)))


def sealed_digest(content: bytes) -> str | None:
    """The SHA-256 of the picture in a sealed file, hexadecimal; None if the file is none.

    Args:
        content: the file, or its beginning.
    """
    if not content.startswith(_MAGIC) or len(content) < _HEADER_BYTES:
        return None
    return content[_DIGEST_AT:_NONCE_AT].hex()


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """One or several keys: the first seals, any opens what it sealed."""

    keys: tuple[bytes, ...] = field(repr=False)

    def seal(self, content: bytes, name: str) -> bytes:
        """Encrypt what is kept under this name."""
        key = self.keys[0]
        header = _MAGIC + _id(key) + hashlib.sha256(content).digest() + os.urandom(12)
        sealed = _cipher(key).encrypt(header[_NONCE_AT:], content, header + name.encode())
        return header + sealed

    def open(self, sealed: bytes, name: str) -> bytes:
        """What was sealed under this name.

        Raises:
            UserError: it was sealed with another key, or is damaged or another file's.
        """
        header = sealed[:_HEADER_BYTES]
        if sealed_digest(header) is None:
            raise UserError(f"{name}: damaged: it does not begin as an encrypted original does")
        for key in self.keys:
            if header[len(_MAGIC) : _DIGEST_AT] == _id(key):
                return _opened(key, header, sealed[_HEADER_BYTES:], name)
        raise UserError(f"{name}: encrypted with a key that is not in {KEY_VARIABLE}")


def _cipher(key: bytes) -> AESGCM:
    # 7 MB in every process, and only needed where there is a key.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _opened(key: bytes, header: bytes, sealed: bytes, name: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(key).decrypt(header[_NONCE_AT:], sealed, header + name.encode())
    except InvalidTag:
        raise UserError(f"{name}: damaged, or another file under its name") from None


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"kerbwatch originals 1" + key).digest()[:_ID_BYTES]


def _key(text: str, number: int) -> bytes:
    try:
        key = urlsafe_b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise UserError(
            f"{KEY_VARIABLE}: key {number} is not {_KEY_BYTES} bytes in base64; "
            "`kerbwatch evidence key` makes one"
        )
    return key
