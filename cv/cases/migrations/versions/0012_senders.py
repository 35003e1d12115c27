"""By which key a citizen's photo came; of those before, nobody knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("photos", sa.Column("sender", sa.Text))
