"""What citizens wrote goes from cases whose photo reports were deleted before it went with them.

Also what the outbox's standing, and a reviewer's list, are read from: the rows themselves are long,
and whoever counts them reads all that was ever told.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_CASES = sa.table("cases", sa.column("id"), sa.column("document"))
_OUTBOX = sa.table("outbox", sa.column("seq"), sa.column("case_id"), sa.column("body"))
_PHOTOS = sa.table("photos", sa.column("id"))
_REPORTED = '%"ph-%'


def upgrade() -> None:
    op.create_index("ix_outbox_standing", "outbox", ["target", "state", "filed_at"])
    op.create_index("ix_cases_review", "cases", ["review", "first_seen", "id"])
    connection = op.get_bind()
    reported = sa.select(_CASES.c.id).where(_CASES.c.document.like(_REPORTED))
    # Their ids first: nothing is changed while it is being read.
    for case_id in connection.scalars(reported).all():
        _forget_deleted(connection, case_id)


def _forget_deleted(connection: sa.Connection, case_id: str) -> None:
    """Take out of a case and its messages what reports said that there are no more."""
    mine = _CASES.c.id == case_id
    document: str = connection.execute(sa.select(_CASES.c.document).where(mine)).scalar_one()
    ids = {r["id"] for r in json.loads(document).get("reports", ()) if r["id"].startswith("ph-")}
    gone = ids - set(connection.scalars(sa.select(_PHOTOS.c.id).where(_PHOTOS.c.id.in_(ids))))
    if not gone:
        return
    connection.execute(_CASES.update().where(mine).values(document=_without(document, gone)))
    sent = sa.select(_OUTBOX.c.seq, _OUTBOX.c.body).where(_OUTBOX.c.case_id == case_id)
    for message in connection.execute(sent).all():
        told = _OUTBOX.update().where(_OUTBOX.c.seq == message.seq)
        connection.execute(told.values(body=_without(message.body, gone)))


def _without(document: str, gone: set[str]) -> str:
    case = json.loads(document)
    for report in case.get("reports", ()):
        if report["id"] in gone:
            report["address"] = report["description"] = None
    if case["place"].get("method") == "report" and case["id"] in gone:
        case["place"]["address"] = None
    return json.dumps(case, ensure_ascii=False, separators=(",", ":"))
