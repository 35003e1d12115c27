"""A line every quarter of a minute: where a training run is and when it will be done."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from rich.console import Console

__all__ = ["Progress"]

_EVERY_S = 15.0


class Progress:
    """Counts batches of an ultralytics trainer; plain lines, so that a log file stays readable.

    Images per second are those since the line before; the time that is left is reckoned with the
    mean of the whole run, validations and all.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._printed = time.monotonic()
        self._done = self._told = 0
        self._batch = 0

    def begin(self, _trainer: Any) -> None:
        """A new epoch."""
        self._batch = 0
        self._printed, self._told = time.monotonic(), self._done

    def step(self, trainer: Any) -> None:
        """One batch is done."""
        now = time.monotonic()
        if self._done == 0:
            self._started = now  # the first batch pays for warming up
        self._done += 1
        self._batch += 1
        if now - self._printed < _EVERY_S or self._done < 2:
            return
        rate = trainer.batch_size * (self._done - self._told) / (now - self._printed)
        self._printed, self._told = now, self._done
        batches = len(trainer.train_loader)
        seconds = (now - self._started) / (self._done - 1)
        left = batches * (trainer.epochs - trainer.epoch) - self._batch
        losses = " ".join(f"{name} {float(value):.3f}" for name, value in trainer.tloss.items())
        self._console.print(
            f"epoch {trainer.epoch + 1}/{trainer.epochs} {self._batch}/{batches} {losses} "
            f"{rate:.1f} images/s, "
            f"{timedelta(seconds=round(left * seconds))} left",
            highlight=False,
            soft_wrap=True,
        )
