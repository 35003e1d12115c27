"""What is near is found by its place first, and photos that look alike by pieces of their hashes.

An index by matter or time made the database read every open case of a city, or every photo of an
hour, for each report.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_PIECES = ((1, 3), (4, 3), (7, 3), (10, 3), (13, 4))


def upgrade() -> None:
    op.drop_index("ix_cases_near", "cases")
    op.drop_index("ix_photos_taken_at", "photos")
    op.create_index("ix_photos_point", "photos", ["lat", "lon"])
    for first, length in _PIECES:
        piece = sa.text(f"substr(phash, {first}, {length})")
        op.create_index(f"ix_photo_images_phash_{first}", "photo_images", [piece])
