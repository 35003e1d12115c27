"""What each target calls a case, and whether a message may have left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("number", sa.Text))
    op.add_column("outbox", sa.Column("tried_at", sa.DateTime))
    # Until now a retry set the attempts to 0, so whether a message has left is not known: it may.
    op.execute("update outbox set tried_at = filed_at")
    # And the number was the case's. One target: it is that one's. Several: nobody knows whose.
    op.execute(
        "update outbox set number = (select number from cases where cases.id = outbox.case_id) "
        "where state = 'delivered' and (select count(distinct other.target) from outbox as other "
        "where other.case_id = outbox.case_id) = 1"
    )
