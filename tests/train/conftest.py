"""What several tests of training look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.labelled import Row


@pytest.fixture
def four_photos(make_source: Callable[[str, Sequence[Row]], Path]) -> Path:
    """A data set of one source, with a car in each photo, each of a group of its own."""
    return make_source("tiny", [(f"p{n}", f"g{n}", ["car"], ["8 .5 .5 .4 .5"]) for n in range(4)])
