"""What an operator is told about looks that come late."""

from __future__ import annotations

from rich.console import Console

from cv.detect.pace import Pace
from cv.detect.sources import SourceStats


def test_overload_is_said_once_a_minute_in_numbers():
    now = 0.0
    pace = Pace(lambda: now)
    stats = pace.sources["gate"] = SourceStats()
    stats.looks, stats.late = 30, 20
    assert pace.warning() is None, "not before a minute has passed"
    now = 61.0
    assert "20 of 30 looks late or left out" in str(pace.warning())
    assert pace.warning() is None
    stats.looks, stats.missed = 90, 30
    now = 122.0
    assert "30 of 90 looks" in str(pace.warning()), "only of the last minute"
    stats.looks = 200
    now = 183.0
    assert pace.warning() is None


def test_the_table_has_every_camera_and_their_sum():
    pace = Pace()
    pace.sources["gate"] = SourceStats(looks=50, unchanged=40, decoded=50, keyframes_only=True)
    pace.sources["gate"].spared = 12
    pace.sources["gate"].keyframe_s = 2.0
    pace.sources["yard"] = SourceStats(looks=20, missed=30, late=5, decoded=900)
    pace.sources["dead"] = SourceStats(failures=7)
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(pace.table())
    lines = [line.split() for line in capture.get().splitlines()]
    assert ["yard", "50", "20", "5", "0", "0", "900", "0", "and", "all", "others"] in lines
    assert ["gate", "62", "50", "0", "40", "12", "50", "0", "2.0", "s,", "alone"] in lines
    assert ["3", "sources", "112", "70", "5", "40", "12", "950", "7"] in lines
    dead = lines.index(["dead", *["0"] * 6, "7", "-"])
    assert dead < min(n for n, line in enumerate(lines) if line[:1] in (["yard"], ["gate"]))
