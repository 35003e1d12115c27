"""Photos that look alike are found by pieces of their hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_PIECES = ((1, 3), (4, 3), (7, 3), (10, 3), (13, 4))


def upgrade() -> None:
    for first, length in _PIECES:
        piece = sa.text(f"substr(phash, {first}, {length})")
        op.create_index(f"ix_photo_images_phash_{first}", "photo_images", [piece])
