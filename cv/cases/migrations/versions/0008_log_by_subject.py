"""The evidence log is asked for its last run of retention."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("ix_evidence_log_what", "evidence_log", ["what"])
