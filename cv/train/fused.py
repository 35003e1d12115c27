"""Weights with batch-norm folded into the convolutions, as deployed networks have them.

Training needs batch-norm back, so it is rebuilt from the statistics of real images such that the
function of the network does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cv.detect.backends import ModelFile
from cv.errors import ModelError
from cv.train.onnx_file import metadata_of, parsed

__all__ = ["Fused", "load_fused", "read_archive", "read_onnx"]

Fused = dict[str, torch.Tensor]
"""`model.<i>....conv.weight` and `.bias` -> values."""

_ONNX_PREFIX = "model."


def load_fused(model: Any, fused: Fused, file: Path, images: Iterable[torch.Tensor]) -> None:
    """Put fused weights into a trainable YOLO26 whose head fits, in place.

    Args:
        file: where the weights are from, for messages.
        images: batches [B, 3, H, W] RGB 0..1 that set the batch-norm statistics; at least one.

    Raises:
        ModelError: the weights are another network's.
    """
    _copy_fused(model, fused, file)
    _unfuse_batch_norm(model, fused, images)
    _share_head(model)


def read_archive(file: Path) -> Fused:
    """A numpy archive of fused weights.

    Raises:
        ModelError: the file is none.
    """
    try:
        with np.load(file) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: not a numpy archive of weights") from error


def read_onnx(file: Path) -> tuple[Fused, dict[str, str]]:
    """The weights and metadata of an exported network.

    Raises:
        ModelError: the file is missing, or no ONNX file.
    """
    import onnx

    model = parsed(ModelFile.read(file))
    fused = {
        item.name.removeprefix(_ONNX_PREFIX): torch.tensor(onnx.numpy_helper.to_array(item))
        for item in model.graph.initializer
        if item.name.startswith(_ONNX_PREFIX)
    }
    return fused, metadata_of(model)


def _copy_fused(model: Any, fused: Fused, weights: Path) -> None:
    """Copy what has a place (weights and plain biases); the other biases are for batch-norm."""
    state = model.state_dict()
    known = {n: v for n, v in fused.items() if n in state and state[n].shape == v.shape}
    strange = sorted(n for n in fused if n not in known and not n.endswith(".conv.bias"))
    if strange or not known:
        network = f"YOLO26{model.yaml['scale']}"
        raise ModelError(f"{weights}: {(strange or ['nothing in it'])[0]} does not fit {network}")
    model.load_state_dict(known, strict=False)


class _Moments:
    """Sums of what enters one batch-norm, per channel, in float64."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.first = torch.zeros(channels, dtype=torch.float64)
        self.second = torch.zeros(channels, dtype=torch.float64)

    def add(self, x: torch.Tensor) -> None:
        x = x.double()
        self.count += x.numel() // x.shape[1]
        self.first += x.sum((0, 2, 3))
        self.second += x.square().sum((0, 2, 3))


def _bypass(moments: _Moments, bias: torch.Tensor) -> Callable[..., torch.Tensor]:
    """A forward hook: count the input, and let it pass with the fused bias added."""

    def hook(_norm: nn.Module, args: tuple[torch.Tensor, ...], _out: torch.Tensor) -> torch.Tensor:
        moments.add(args[0])
        return args[0] + bias.view(1, -1, 1, 1)

    return hook


def _unfuse_batch_norm(model: nn.Module, fused: Fused, images: Iterable[torch.Tensor]) -> None:
    """Give every batch-norm of `model` statistics and scale that add up to the fused bias.

    With m, v the mean and variance of a convolution's output over `images`: running_mean = m,
    running_var = v, weight = sqrt(v + eps), bias = m + fused bias; so bn(x) = x + fused bias.

    Args:
        fused: name -> tensor; `<layer>.conv.bias` is read for each batch-norm `<layer>.bn`.
        images: batches [B, 3, H, W]; at least one.
    """
    norms = [
        (module, fused[f"{name[:-3]}.conv.bias"])
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and f"{name[:-3]}.conv.bias" in fused
    ]
    moments = [_Moments(norm.num_features) for norm, _ in norms]
    hooks = [
        norm.register_forward_hook(_bypass(seen, bias))
        for (norm, bias), seen in zip(norms, moments, strict=True)
    ]
    model.eval()
    with torch.inference_mode():
        for batch in images:
            model(batch)
    for handle in hooks:
        handle.remove()
    for (norm, bias), seen in zip(norms, moments, strict=True):
        mean = seen.first / seen.count
        variance = (seen.second / seen.count - mean.square()).clamp_min(0)
        with torch.no_grad():
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + bias)


def _share_head(model: Any) -> None:
    """Start the one-to-many branch (training only) from the one-to-one branch."""
    head = model.model[-1]
    head.cv2.load_state_dict(head.one2one_cv2.state_dict())
    head.cv3.load_state_dict(head.one2one_cv3.state_dict())
