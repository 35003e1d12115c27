"""The national code tables, one file per edition: what a city calls each matter."""

from __future__ import annotations

from cv.codes.table import EDITIONS, Code, CodeTable, edition

__all__ = ["EDITIONS", "Code", "CodeTable", "edition"]
