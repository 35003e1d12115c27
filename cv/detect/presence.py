"""How often a place was found taken, over a sliding stretch of time."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PresenceWindow"]

_SLOTS = 20


@dataclass(slots=True)
class PresenceWindow:
    """Looks and hits of the last `window_s` seconds, in slots of a twentieth of it.

    Exact to one slot, and as small for a look a second over half an hour as for three looks.

    Attributes:
        slots: [slot number, looks, hits], oldest first.
    """

    window_s: float
    slots: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, seconds: float, hit: bool) -> None:
        """Count one look at `seconds` (any origin).

        Where that lies before the latest one, a clock was set back: they count as just before.
        """
        width = max(self.window_s, 1e-3) / _SLOTS
        slot = int(seconds / width)
        if self.slots:
            latest, looks, hits = self.slots[-1]
            if latest > slot:
                self.slots = [(n - latest + slot, seen, found) for n, seen, found in self.slots]
            if latest >= slot:
                self.slots[-1] = slot, looks + 1, hits + int(hit)
                return
        self.slots.append((slot, 1, int(hit)))
        while self.slots[0][0] < slot - _SLOTS:
            self.slots.pop(0)

    @property
    def ratio(self) -> float:
        """Hits per look, 0..1; 0 before the first look."""
        looks = sum(slot[1] for slot in self.slots)
        return sum(slot[2] for slot in self.slots) / looks if looks else 0.0
