"""YOLO26n with COCO weights, and the 13-label detector that starts from it.

The weights at hand have batch-norm folded into the convolutions. Training needs it back, so it is
rebuilt from the statistics of real images such that the function of the network does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.ignoring import StreetModel

__all__ = [
    "COCO_IDS",
    "adapt_head",
    "load_checkpoint",
    "load_coco",
    "load_foreign",
    "runs_of",
    "unfuse_batch_norm",
]

COCO_IDS: dict[str, int] = {
    "person": 0,
    "bicycle": 1,
    "car": 2,
    "motorcycle": 3,
    "bus": 5,
    "truck": 7,
}
"""The labels that COCO has too, by COCO class id (0-79)."""

_ROW_OF = COCO_IDS | {"tricycle": COCO_IDS["motorcycle"]}
_FRESH_BIAS = -7.0
"""Logit of a label without a COCO row: about one anchor in a thousand, so that it starts quiet."""
_COCO_CLASSES = 80

Fused = dict[str, torch.Tensor]


def load_coco(weights: Path, images: Iterable[torch.Tensor]) -> Any:
    """YOLO26n, 80 COCO classes, trainable, in eval mode with its NMS-free head.

    Args:
        weights: a numpy archive of fused weights (`model.<i>....conv.weight`), or the official
            `yolo26n.pt`.
        images: batches [B, 3, H, W] RGB 0..1 that set the batch-norm statistics; unused for .pt.

    Raises:
        ModelError: the file is missing, not of such a model, or has other classes.
    """
    if not weights.is_file():
        raise ModelError(f"{weights}: no such weights file; give yolo26n.pt or a fused .npz")
    model = StreetModel("yolo26n.yaml", nc=_COCO_CLASSES, verbose=False)
    if weights.suffix == ".pt":
        _copy_official(model, weights)
    else:
        fused = _read_fused(weights)
        _copy_fused(model, fused, weights)
        unfuse_batch_norm(model, fused, images)
        _share_head(model)
    model.end2end = True
    return model.eval()


def load_checkpoint(path: Path) -> Any:
    """The network of a checkpoint of `kerbwatch train fit`, float32, in eval mode.

    Raises:
        ModelError: the file is missing or not such a checkpoint.
    """
    model = _load(path, "a checkpoint of `kerbwatch train fit`")
    if tuple(model.names.values()) != LABELS:
        raise ModelError(f"{path}: trained for other labels; expected {', '.join(LABELS)}")
    model.end2end = True
    return model


def load_foreign(path: Path) -> tuple[Any, dict[int, int]]:
    """Any YOLO26 checkpoint, or COCO weights (.npz), and its class ids that are labels of ours.

    Classes are known by their names, so COCO's are found, and those of a plain `yolo train`.

    Raises:
        ModelError: the file is missing, is no such network, or knows none of our labels.
    """
    if path.suffix == ".npz":
        # The function stays the same whatever the images; only training would care.
        generator = torch.Generator().manual_seed(0)
        model = load_coco(path, [torch.rand(1, 3, 64, 64, generator=generator)])
        return model, {number: LABELS.index(label) for label, number in COCO_IDS.items()}
    model = _load(path, "a YOLO checkpoint")
    if not hasattr(model.model[-1], "one2one_cv3"):
        raise ModelError(f"{path}: has no NMS-free head; YOLO26 has")
    known = {n: LABELS.index(name) for n, name in model.names.items() if name in LABELS}
    if not known:
        raise ModelError(f"{path}: none of its classes is one of {', '.join(LABELS)}")
    model.end2end = True
    return model, known


def _load(path: Path, what: str) -> Any:
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    from ultralytics.nn.tasks import load_checkpoint as load

    try:
        model, _ = load(str(path))
    except Exception as error:  # whatever unpickling of a foreign file brings
        raise ModelError(f"{path}: not {what}") from error
    return model.float().eval()


def runs_of(model: Any) -> tuple[str, ...]:
    """The runs that made a checkpoint's network, the first one first, each in a few words."""
    settings = dict(model.args)
    named = ", ".join(f"{key} {settings[key]}" for key in ("imgsz", "epochs", "batch", "seed"))
    return (*model.history, named + model.averaged_with)


def _copy_official(model: Any, weights: Path) -> None:
    from ultralytics.nn.tasks import load_checkpoint as load

    try:
        state = load(str(weights))[0].float().state_dict()
        model.load_state_dict(state)
    except Exception as error:
        raise ModelError(f"{weights}: not YOLO26n with the 80 COCO classes") from error


def _read_fused(weights: Path) -> Fused:
    try:
        with np.load(weights) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError) as error:
        raise ModelError(f"{weights}: not a numpy archive of weights") from error


def _copy_fused(model: Any, fused: Fused, weights: Path) -> None:
    """Copy what has a place (weights and plain biases); the other biases are for batch-norm."""
    state = model.state_dict()
    known = {n: v for n, v in fused.items() if n in state and state[n].shape == v.shape}
    strange = sorted(n for n in fused if n not in known and not n.endswith(".conv.bias"))
    if strange or not known:
        raise ModelError(f"{weights}: {(strange or ['nothing in it'])[0]} does not fit YOLO26n")
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


def unfuse_batch_norm(model: nn.Module, fused: Fused, images: Iterable[torch.Tensor]) -> None:
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


def adapt_head(model: Any, labels: tuple[str, ...] = LABELS) -> Any:
    """Replace the 80 classes by `labels`, in place; labels that COCO has keep their weights.

    The class branch keeps the width it has for 80 classes, so that its inner layers still fit.
    """
    head = model.model[-1]
    for branch in (head.cv3, head.one2one_cv3):
        for level in branch:
            level[-1] = _relabelled(level[-1], labels)
    head.nc = model.nc = len(labels)
    head.no = head.nc + 4 * head.reg_max
    model.names = dict(enumerate(labels))
    model.yaml = {**model.yaml, "nc": len(labels)}
    return model


def _relabelled(old: nn.Conv2d, labels: tuple[str, ...]) -> nn.Conv2d:
    new = nn.Conv2d(old.in_channels, len(labels), 1)
    with torch.no_grad():
        nn.init.normal_(new.weight, std=0.01)
        new.bias.fill_(_FRESH_BIAS)
        for row, label in enumerate(labels):
            if label in _ROW_OF:
                new.weight[row] = old.weight[_ROW_OF[label]]
                new.bias[row] = old.bias[_ROW_OF[label]]
    return new
