"""How far a run over photos is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

__all__ = ["PhotoTally"]


@dataclass(slots=True)
class PhotoTally:
    """Counts of a run's photos.

    Attributes:
        total: photos to look at.
        file: takes the results, if not stdout does.
        skipped: results were in the file before.
    """

    total: int
    file: Path | None = None
    done: int = 0
    skipped: int = 0
    failed: int = 0
    began: float = field(default_factory=monotonic)

    @property
    def behind(self) -> int:
        """Photos that need no more work."""
        return self.done + self.skipped + self.failed

    def __str__(self) -> str:
        parts = [f"{self.done} done"]
        if self.done:
            parts.append(f"{self.done / max(1e-6, monotonic() - self.began):.1f} photos/s")
        if self.skipped:
            parts.append(f"{self.skipped} done before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.total > self.behind:
            parts.append(f"{self.total - self.behind} left")
        return " · ".join(parts)
