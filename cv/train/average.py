"""`kerbwatch train average`: a mean of two networks, one of which went on from the other.

Along the way from one to the other the loss is low, and in between often lowest (M. Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022): the mean keeps what the earlier one knew. The
earliest is COCO's own network, from which all others went on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.calibration_images import calibration_images
from cv.train.network import (
    COCO_IDS,
    adapt_head,
    load_checkpoint,
    load_coco,
    load_shipped,
    runs_of,
    save_network,
)

__all__ = ["average"]


def average(first: Path, second: Path, out: Path, *, share: float = 0.5, data: Path) -> None:
    """Write a checkpoint with a mean of two networks' weights, to evaluate and to export.

    Args:
        first: a checkpoint, an exported ONNX file, or COCO weights (.npz). Of labels that COCO does
            not know, the class weights stay the second's.
        second: a checkpoint or an exported ONNX file.
        share: the first's weight, 0 to 1.
        data: sources; some of their training photos set the batch-norm statistics of deployed
            weights. Unused for two checkpoints.

    Raises:
        ModelError: one is no such file, they differ in shape, the share is none, or `out` exists.
    """
    if not 0 < share < 1:
        raise ModelError(f"share {share:g}: must be between 0 and 1")
    if out.exists():
        raise ModelError(f"{out} exists; name a new file")
    earlier, later = _open(first, data), _open(second, data)
    weights = earlier.state_dict()
    mean = later.state_dict()
    if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in mean.items()}:
        raise ModelError(f"{first} and {second} are networks of different shapes")
    for name, weight in mean.items():
        if weight.is_floating_point():
            mean[name] = torch.lerp(weight, weights[name], share)
            if first.suffix == ".npz" and _is_last_of_classes(name, later):
                unknown = [i for i, label in enumerate(LABELS) if label not in COCO_IDS]
                mean[name][unknown] = weight[unknown]
    history = runs_of(later)
    later.load_state_dict(mean)
    told = "COCO's network" if first.suffix == ".npz" else f"the network of {runs_of(earlier)[-1]}"
    parts = "" if share == 0.5 else f" ({share:g} of that)"
    later.averaged_with = f"{later.averaged_with}, averaged with {told}{parts}"
    if later.exported:
        # Its runs are all told in `history`; the last of them is what was averaged.
        later.history = (*history[:-1], history[-1] + later.averaged_with)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_network(later, out)


def _open(path: Path, data: Path) -> Any:
    if path.suffix == ".npz":
        return adapt_head(load_coco(path, calibration_images(data)))
    if path.suffix == ".onnx":
        return load_shipped(path, calibration_images(data))
    return load_checkpoint(path)


def _is_last_of_classes(name: str, model: Any) -> bool:
    """Whether a weight belongs to a layer that has a row per label."""
    head = f"model.{len(model.model) - 1}."
    last = len(model.model[-1].cv3[0]) - 1
    parts = name.removeprefix(head).split(".")
    return name.startswith(head) and parts[0].endswith("cv3") and parts[2] == str(last)
