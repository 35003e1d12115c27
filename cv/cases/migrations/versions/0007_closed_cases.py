"""When the city, or a person, was done with a case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("cases", sa.Column("closed_at", sa.DateTime))
