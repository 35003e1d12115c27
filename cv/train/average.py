"""`kerbwatch train average`: a mean of two networks, one of which went on from the other.

Along the way from one to the other the loss is low, and in between often lowest (M. Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022): the mean keeps what the earlier one knew. The
earliest is COCO's own network, from which all others went on.

What is averaged are the deployed weights, those of the functions: batch-norm's scales and shifts
belong to statistics, and those of two networks may be of different pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.fused import fused_of, load_fused
from cv.train.network import (
    COCO_IDS,
    adapt_head,
    load_coco,
    load_trained,
    runs_of,
    save_network,
    size_of,
)
from cv.train.outputs import check_output

__all__ = ["average"]


def average(first: Path, second: Path, out: Path, *, share: float = 0.5) -> None:
    """Write a checkpoint with a mean of two networks' weights, to evaluate and to export.

    Args:
        first: a checkpoint, an exported ONNX file, or COCO weights (.npz). Of labels that COCO does
            not know, the class weights stay the second's.
        second: a checkpoint or an exported ONNX file.
        share: the first's weight, 0 to 1.

    Raises:
        ModelError: one is no such file, they differ in size, the share is none, or `out` exists or
            cannot be written.
    """
    if not 0 < share < 1:
        raise ModelError(f"share {share:g}: must be between 0 and 1")
    check_output(out, ".pt")
    if out.exists():
        raise ModelError(f"{out} exists; name a new file")
    earlier, later = _open(first), _open(second)
    if size_of(earlier) != size_of(later):
        raise ModelError(f"{first} and {second} are networks of different sizes")
    weights, mean = fused_of(earlier), fused_of(later)
    for name, weight in mean.items():
        mean[name] = torch.lerp(weight, weights[name], share)
        if first.suffix == ".npz" and _is_last_of_classes(name, later):
            unknown = [i for i, label in enumerate(LABELS) if label not in COCO_IDS]
            mean[name][unknown] = weight[unknown]
    history = runs_of(later)
    load_fused(later, mean, out)
    told = "COCO's network" if first.suffix == ".npz" else _named(earlier, history)
    parts = "" if share == 0.5 else f" ({share:g} of that)"
    later.averaged_with = f"{later.averaged_with}, averaged with {told}{parts}"
    if later.exported:
        # Its runs are all told in `history`; the last of them is what was averaged.
        later.history = (*history[:-1], history[-1] + later.averaged_with)
    save_network(later, out)


def _named(earlier: Any, history: Sequence[str]) -> str:
    """The earlier network in a few words; `history` are the runs that made the later one."""
    runs = runs_of(earlier)
    return "the network before it" if runs == tuple(history[:-1]) else f"the network of {runs[-1]}"


def _open(path: Path) -> Any:
    if path.suffix == ".npz":
        return adapt_head(load_coco(path))
    return load_trained(path)


def _is_last_of_classes(name: str, model: Any) -> bool:
    """Whether a weight belongs to a layer that has a row per label."""
    head = f"model.{len(model.model) - 1}."
    last = len(model.model[-1].cv3[0]) - 1
    parts = name.removeprefix(head).split(".")
    return name.startswith(head) and parts[0].endswith("cv3") and parts[2] == str(last)
