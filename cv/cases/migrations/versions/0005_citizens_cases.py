"""Where a case is, for what citizens report near it; the case of a citizen's photo."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("lon", "lat"):
        op.add_column("cases", sa.Column(name, sa.Double))
    op.create_index("ix_cases_near", "cases", ["matter", "state", "last_seen"])
    op.add_column("photos", sa.Column("case_id", sa.Text))
    op.create_index("ix_photos_case_id", "photos", ["case_id"])
    _place_cases()


def _place_cases() -> None:
    connection = op.get_bind()
    cases = sa.table(
        "cases", sa.column("id"), sa.column("document"), sa.column("lon"), sa.column("lat")
    )
    for row in connection.execute(sa.select(cases.c.id, cases.c.document)).all():
        place = json.loads(row.document)["place"]
        if place["lon"] is not None:
            moved = cases.update().where(cases.c.id == row.id)
            connection.execute(moved.values(lon=place["lon"], lat=place["lat"]))
