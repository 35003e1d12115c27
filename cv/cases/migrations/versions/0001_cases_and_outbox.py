"""Cases, outbox, watch states, targets that are off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.Text),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("state", "matter", "camera", "zone")
        ),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("x1", "y1", "x2", "y2")),
        *(
            sa.Column(name, sa.DateTime, nullable=False)
            for name in ("first_seen", "last_seen", "filed_at")
        ),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("ix_cases_place", "cases", ["camera", "zone", "matter", "last_seen"])
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("filed_at", sa.DateTime, nullable=False),
        sa.Column("next_at", sa.DateTime, nullable=False),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("lease_token", sa.Text),
        sa.Column("last_error", sa.Text),
        sa.Column("delivered_at", sa.DateTime),
        sa.UniqueConstraint("key", "target"),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_at"])
    op.create_index("ix_outbox_case", "outbox", ["case_id", "target", "seq"])
    op.create_table(
        "watch_state",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("saved_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "targets_off",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
    )
