"""Alembic's entry: migrates over the connection that the store hands in."""

from __future__ import annotations

from alembic import context

from cv.cases.tables import Tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Tables.metadata
)
context.run_migrations()
