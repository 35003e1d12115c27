"""Requests of Open311 clients; what lists of cases are filtered and ordered by."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_INDEXES = {
    "ix_cases_first_seen": ["first_seen", "id"],
    "ix_cases_filed_at": ["filed_at"],
    "ix_cases_point": ["lat", "lon"],
}


def upgrade() -> None:
    for name in ("code5", "review"):
        op.add_column("cases", sa.Column(name, sa.Text))
    for name, columns in _INDEXES.items():
        op.create_index(name, "cases", columns)
    op.create_table(
        "service_requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("code5", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("lon", sa.Double),
        sa.Column("lat", sa.Double),
        sa.Column("address", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("media_url", sa.Text),
        sa.Column("contact", sa.Text),
    )
    op.create_index("ix_service_requests_received_at", "service_requests", ["received_at"])
    op.create_index("ix_service_requests_case_id", "service_requests", ["case_id"])
    _fill()


def _fill() -> None:
    connection = op.get_bind()
    cases = sa.table(
        "cases", sa.column("id"), sa.column("document"), sa.column("code5"), sa.column("review")
    )
    for row in connection.execute(sa.select(cases.c.id, cases.c.document)).all():
        case = json.loads(row.document)
        values = {"code5": case["matter"]["code5"], "review": case["review"]["state"]}
        connection.execute(cases.update().where(cases.c.id == row.id).values(**values))
