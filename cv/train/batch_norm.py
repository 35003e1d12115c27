"""Batch-norm's statistics: those of the pictures that a network is about to train on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

__all__ = ["settle_batch_norm"]


class _Moments:
    """Sums of what enters one batch-norm, per channel, in float64."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.first = torch.zeros(channels, dtype=torch.float64)
        self.second = torch.zeros(channels, dtype=torch.float64)

    def count_input(self, _norm: Any, args: tuple[torch.Tensor, ...]) -> None:
        """A forward pre-hook."""
        x = args[0].double()
        self.count += x.numel() // x.shape[1]
        self.first += x.sum((0, 2, 3)).cpu()
        self.second += x.square().sum((0, 2, 3)).cpu()


def settle_batch_norm(model: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Give every batch-norm the statistics of `batches`, in place.

    What the network computes in evaluation stays the same. In training, batch-norm goes by its
    batch instead: where scale and shift belong to other pictures (plain ones, of another size),
    what begins to train is another, worse network than what was loaded.

    With m, v the mean and variance of what enters it and k = weight / sqrt(running_var + eps),
    weight becomes k sqrt(v + eps), and bias grows by k (m - running_mean).

    Args:
        batches: [B, 3, H, W] RGB 0..1; at least one.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    moments = [_Moments(norm.num_features) for norm in norms]
    hooks = [
        norm.register_forward_pre_hook(seen.count_input)
        for norm, seen in zip(norms, moments, strict=True)
    ]
    modes = [norm.training for norm in norms]
    try:
        for norm in norms:
            norm.eval()
        with torch.no_grad():
            for batch in batches:
                model(batch)
    finally:
        for hook, norm, mode in zip(hooks, norms, modes, strict=True):
            hook.remove()
            norm.train(mode)
    for norm, seen in zip(norms, moments, strict=True):
        _settle(norm, seen)


def _settle(norm: nn.BatchNorm2d, seen: _Moments) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = seen.first / seen.count
    variance = (seen.second / seen.count - mean.square()).clamp_min(0)
    mean, variance = mean.to(norm.running_mean), variance.to(norm.running_var)
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias += scale * (mean - norm.running_mean)
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
