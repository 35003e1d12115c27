"""`kerbwatch train average`: the mean of two networks, one of which went on from the other.

Along the way from one to the other the loss is low, and in the middle often lowest (M. Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022): the mean keeps what the earlier one knew.
"""

from __future__ import annotations

from pathlib import Path

from cv.errors import ModelError
from cv.train.network import load_checkpoint, runs_of, save_network

__all__ = ["average"]


def average(first: Path, second: Path, out: Path) -> None:
    """Write a checkpoint with the mean of two checkpoints' weights, to evaluate and to export.

    Raises:
        ModelError: one is no checkpoint, they differ in shape, or `out` exists.
    """
    if out.exists():
        raise ModelError(f"{out} exists; name a new file")
    earlier, later = load_checkpoint(first), load_checkpoint(second)
    weights = earlier.state_dict()
    mean = later.state_dict()
    if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in mean.items()}:
        raise ModelError(f"{first} and {second} are networks of different shapes")
    for name, weight in mean.items():
        if weight.is_floating_point():
            mean[name] = (weight + weights[name]) / 2
    later.load_state_dict(mean)
    later.averaged_with = f", averaged with the network of {runs_of(earlier)[-1]}"
    out.parent.mkdir(parents=True, exist_ok=True)
    save_network(later, out)
