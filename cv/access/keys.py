"""API keys: made once, shown once, kept as an argon2 hash.

A key reads `kw_<id>_<secret>`. The id says which row to look at, so that one hash is verified for a
request and not one for each key; it is no secret, and what lists and logs show. The secret is 192
random bits.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import exists, select

from cv.access.roles import Role
from cv.cases.database import Database
from cv.cases.tables import KeyRow
from cv.cases.transaction_retry import retried, retried_if_undone
from cv.errors import UserError

__all__ = ["Key", "Keys"]

_FORM = re.compile(r"kw_([a-z2-7]{8})_([A-Za-z0-9_-]{32})")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID_LENGTH = 8
_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; never its secret.

    Attributes:
        name: whose it is, for people.
        revoked_at: aware; None while it is valid.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class Keys:
    """The keys in a case store's database; usable from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasher = PasswordHasher()  # RFC 9106's second choice: 64 MiB, three passes

    def create(self, name: str, role: Role, now: datetime) -> tuple[Key, str]:
        """Make a key; gives it and its text, which nobody can get again.

        Raises:
            UserError: the name is empty or longer than 100 characters.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH:
            raise UserError(f"--name: 1 to {_NAME_LENGTH} characters, to know whose key it is")
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
        secret = secrets.token_urlsafe(24)
        row = KeyRow(
            id=key_id,
            name=name,
            role=str(role),
            hash=self._hasher.hash(secret),
            created_at=now,
            revoked_at=None,
        )
        self._add(row)
        return Key(key_id, name, role, now, None), f"kw_{key_id}_{secret}"

    @retried
    def revoke(self, key: str, now: datetime) -> Key:
        """End a key; one that has ended stays as it is.

        Args:
            key: its id, or its text: who finds one that leaked has no other.

        Raises:
            UserError: there is no such key; shows no more of it than an id is long.
        """
        text = _FORM.fullmatch(key.strip())
        key_id = text[1] if text else key
        with self._database.write() as session:
            row = session.get(KeyRow, key_id)
            if row is None:
                raise UserError(f"no key {_shown(key_id)}; `kerbwatch keys list` shows them")
            row.revoked_at = row.revoked_at or now
            return _key(row)

    @retried
    def all(self) -> Sequence[Key]:
        """Valid and revoked ones, the oldest first."""
        with self._database.read() as session:
            rows = session.scalars(select(KeyRow).order_by(KeyRow.created_at, KeyRow.id))
            return [_key(row) for row in rows]

    @retried
    def any(self) -> bool:
        """Whether a key was ever made: from then on one is demanded, revoked or not."""
        with self._database.read() as session:
            return bool(session.scalar(select(exists().where(KeyRow.id.is_not(None)))))

    @retried
    def find(self, key_id: str) -> Key | None:
        with self._database.read() as session:
            row = session.get(KeyRow, key_id)
            return _key(row) if row else None

    def verify(self, text: str) -> Key | None:
        """The key of this text, revoked or not; None if there is none. Takes about 0.1 s."""
        parts = _FORM.fullmatch(text)
        if parts is None:
            return None
        found = self._hashed(parts[1])
        if found is None:
            return None
        hashed, key = found
        try:
            self._hasher.verify(hashed, parts[2])
        except (VerificationError, InvalidHashError):
            return None
        return key

    @retried
    def _hashed(self, key_id: str) -> tuple[str, Key] | None:
        with self._database.read() as session:
            row = session.get(KeyRow, key_id)
            return (row.hash, _key(row)) if row else None

    @retried_if_undone
    def _add(self, row: KeyRow) -> None:
        with self._database.write() as session:
            session.add(row)


def _shown(key_id: str) -> str:
    """What may be an id. What is longer may be a secret that was copied without its beginning."""
    return repr(key_id) if len(key_id) <= _ID_LENGTH else f"{key_id[:_ID_LENGTH]!r}..."


def _key(row: KeyRow) -> Key:
    return Key(row.id, row.name, Role(row.role), row.created_at, row.revoked_at)
