"""Weights with batch-norm folded into the convolutions, as deployed networks have them.

Training needs batch-norm back, so it is rebuilt such that the function of the network does not
change. Its statistics stay those of a new network until training sets them
(`cv.train.batch_norm`).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cv.detect.model_file import ModelFile
from cv.errors import ModelError
from cv.train.onnx_file import metadata_of, parsed

__all__ = ["Fused", "fused_of", "load_fused", "read_archive", "read_onnx"]

Fused = dict[str, torch.Tensor]
"""`model.<i>....conv.weight` and `.bias` -> values."""

_ONNX_PREFIX = "model."


def fused_of(model: Any) -> Fused:
    """The weights of a trainable YOLO26 with batch-norm folded in."""
    from ultralytics.nn.modules import Conv
    from ultralytics.utils.torch_utils import fuse_conv_and_bn

    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, Conv):
            fuse_conv_and_bn(module.conv, module.bn)
            del module.bn
    fused: Fused = model.state_dict()
    return fused


def load_fused(model: Any, fused: Fused, file: Path) -> None:
    """Put fused weights into a trainable YOLO26 whose head fits, in place.

    Those of a head that is to find each thing once (COCO's, older exports) serve as well: they
    leave suppression little to do.

    Args:
        file: where the weights are from, for messages.

    Raises:
        ModelError: the weights are another network's.
    """
    head = f"model.{len(model.model) - 1}."
    if not any(name.startswith(f"{head}cv3.") for name in fused):
        fused = {name.replace(f"{head}one2one_", head): value for name, value in fused.items()}
    _copy_fused(model, fused, file)
    _unfuse_batch_norm(model, fused)


def read_archive(file: Path) -> Fused:
    """A numpy archive of fused weights.

    Raises:
        ModelError: the file is none.
    """
    try:
        with file.open("rb") as opened, np.load(opened) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}
    except Exception as error:  # whatever unpacking a foreign or truncated file brings
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


def _unfuse_batch_norm(model: nn.Module, fused: Fused) -> None:
    """Give every batch-norm `<layer>.bn` such a scale and shift that it adds `<layer>.conv.bias`.

    With its statistics, whatever they are, it does no more.
    """
    for name, norm in model.named_modules():
        bias = fused.get(f"{name[:-3]}.conv.bias")
        if isinstance(norm, nn.BatchNorm2d) and bias is not None:
            with torch.no_grad():
                norm.weight.copy_((norm.running_var + norm.eps).sqrt())
                norm.bias.copy_(norm.running_mean + bias)
