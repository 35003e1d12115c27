"""Lets `import torchvision` work beside a torch build that it was not compiled for.

The torchvision on the public registry is a CUDA build. Beside a CPU torch its import raises
"operator torchvision::nms does not exist", and with it everything in ultralytics that trains. Only
then are the two operators declared here, so a torchvision that works is left as it is.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

__all__ = ["cure_torchvision", "non_maximum_suppression"]

_SYMPTOM = "operator torchvision::nms does not exist"
_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def non_maximum_suppression(boxes: torch.Tensor, scores: torch.Tensor, iou: float) -> torch.Tensor:
    """Greedy suppression, as torchvision.ops.nms defines it.

    Args:
        boxes: [N, 4] xyxy.
        scores: [N].
        iou: boxes that overlap a better one by more than this are dropped.

    Returns:
        int64 indices of the kept boxes, best score first.
    """
    corners = boxes.detach().float().cpu().numpy()
    area = (corners[:, 2:] - corners[:, :2]).clip(0).prod(axis=1)
    order = np.argsort(-scores.detach().float().cpu().numpy(), kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(corners[best, :2], corners[rest, :2])
        high = np.minimum(corners[best, 2:], corners[rest, 2:])
        shared = (high - low).clip(0).prod(axis=1)
        order = rest[shared <= iou * (area[best] + area[rest] - shared)]
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def cure_torchvision() -> bool:
    """Import torchvision, declaring its missing operators if, and only if, that is what ails it.

    Returns:
        whether the cure was needed.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if _SYMPTOM not in str(error):
            raise
    else:
        return False
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(operator + _ARGUMENTS)
        library.impl(operator, non_maximum_suppression, "CPU")
    import torchvision

    # torch forgets the operators when this object is collected.
    torchvision.kerbwatch_operators = library
    torchvision.extension._has_ops = lambda: True  # its own answer was given before the cure
    return True
