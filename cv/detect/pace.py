"""Whether cameras are looked at as often as was asked: a table at the end, a warning on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from rich.table import Table

from cv.detect.sources import SourceStats
from cv.tables import plain_table

__all__ = ["Pace"]

_CHECK_S = 60.0
_TOLERATED = 0.05
_SHOWN = 30


class Pace:
    """Follows the live sources of a run, by name."""

    def __init__(self, timer: Callable[[], float] = monotonic) -> None:
        self.sources: dict[str, SourceStats] = {}
        self._timer = timer
        self._checked = timer()
        self._before = (0, 0)

    def warning(self) -> str | None:
        """Once a minute, a sentence if more than one look in twenty was late or left out."""
        if self._timer() - self._checked < _CHECK_S:
            return None
        self._checked = self._timer()
        stats = self.sources.values()
        asked, behind = sum(map(_asked, stats)), sum(s.missed + s.late for s in stats)
        new_asked, new_behind = asked - self._before[0], behind - self._before[1]
        self._before = asked, behind
        if new_behind <= _TOLERATED * new_asked:
            return None
        return (
            f"behind: {new_behind} of {new_asked} looks late or left out in the last minute; "
            "look less often (--every), decode less (--decode keyframes), or watch fewer cameras"
        )

    def table(self) -> Table:
        """Looks per source and in all; of many sources, those that did worst."""
        columns = (
            *("source", "asked", "made", "late", "unchanged", "spared", "decoded", "lost"),
            "key frames",
        )
        table = plain_table(*columns, title="Looks", whole=columns[1:], right=True)
        worst = sorted(self.sources.items(), key=lambda item: _quality(item[1]))
        for name, stats in worst[:_SHOWN]:
            table.add_row(name, *_cells(stats), _keyframes(stats) if stats.decoded else "-")
        if len(worst) > _SHOWN:
            table.add_row(f"and {len(worst) - _SHOWN} more", *[""] * (len(columns) - 1))
        if len(worst) > 1:
            table.add_section()
            table.add_row(f"{len(worst)} sources", *_cells(_sum(self.sources)), "")
        return table


def _quality(stats: SourceStats) -> tuple[bool, int]:
    """Sorts the worst first. Of a camera that gave nothing nothing is late, but it is the worst."""
    return stats.looks > 0, -(stats.missed + stats.late + stats.failures)


def _asked(stats: SourceStats) -> int:
    return stats.looks + stats.missed + stats.spared


def _cells(stats: SourceStats) -> tuple[str, ...]:
    counts = (
        *(_asked(stats), stats.looks, stats.late, stats.unchanged, stats.spared),
        *(stats.decoded, stats.failures),
    )
    return tuple(map(str, counts))


def _keyframes(stats: SourceStats) -> str:
    """How far apart they are, and whether anything else is decoded."""
    apart = "" if stats.keyframe_s is None else f"{stats.keyframe_s:.1f} s, "
    return apart + ("alone" if stats.keyframes_only else "and all others")


def _sum(sources: Mapping[str, SourceStats]) -> SourceStats:
    total = SourceStats()
    for stats in sources.values():
        for field in ("looks", "missed", "late", "unchanged", "spared", "decoded", "failures"):
            setattr(total, field, getattr(total, field) + getattr(stats, field))
    return total
