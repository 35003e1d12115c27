"""Fixtures for every test: where the shared street media is, labelled photos, stores."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.labelled", "tests.small_disk", "tests.stores"]

# What a test run finds out about this machine's backends is not for its user to keep.
_cache = tempfile.TemporaryDirectory(prefix="kerbwatch-cache-")
os.environ["XDG_CACHE_HOME"] = _cache.name
# Nor is its user's key for originals of any use here.
os.environ.pop("KERBWATCH_ORIGINALS_KEY", None)
# How long an example takes is the machine's affair; benchmarks/ and `kerbwatch bench` measure time.
# The same examples in every run: a new counterexample should not stop who changed something else.
# `pytest --hypothesis-profile explore` looks for one.
settings.register_profile("explore", deadline=None)
settings.register_profile("kerbwatch", settings.get_profile("explore"), derandomize=True)
settings.load_profile("kerbwatch")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder with `data`, `video` and `weights`: KERBWATCH_MEDIA, else ../shared."""
    folder = Path(os.environ.get("KERBWATCH_MEDIA", ROOT.parent / "shared"))
    if not (folder / "video").is_dir():
        pytest.skip(f"street media not found in {folder}: set KERBWATCH_MEDIA")
    return folder


@pytest.fixture(autouse=True)
def _logging_stays() -> Iterator[None]:
    """A command sets up logging for its process; the next test is none of that process."""
    loggers = [logging.getLogger(name) for name in (None, "cv", "serve")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers = handlers
        logger.setLevel(level)
