"""A training run as TensorBoard shows it: losses, AP and learning rate over epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

__all__ = ["TensorBoardLog"]

_OF_A_LABEL = "val/AP50 "


class TensorBoardLog:
    """Writes event files below a run's folder; one curve through every resumption.

    Args:
        folder: of the event files.
        first_epoch: the first that will be logged, from 1. What an earlier process logged from
            there on is dropped: it was killed before its checkpoint held that epoch.
    """

    def __init__(self, folder: Path, first_epoch: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log one epoch's row of `results.csv`, by its columns, without what is not a number."""
        for name, value in values.items():
            if math.isfinite(value):
                self._writer.add_scalar(_tag(name), value, epoch)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def _tag(column: str) -> str:
    """TensorBoard groups curves by what stands before the slash, and allows no spaces."""
    if column.startswith(_OF_A_LABEL):
        return f"AP50/{column.removeprefix(_OF_A_LABEL)}"
    return column
