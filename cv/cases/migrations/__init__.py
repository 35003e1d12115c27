"""The database's schema, step by step; forward only (docs/decisions.md, 52)."""
