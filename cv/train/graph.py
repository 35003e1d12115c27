"""The deployed network: uint8 BGR pictures in, final boxes out, as one ONNX graph."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from cv.geometry import Image
from cv.train.detections import Floats, Predict

__all__ = ["SAME_IOU", "Deployed", "onnx_bytes", "predict_with_torch", "suppressed"]

_OPSET = 17
_CANDIDATES = 500
"""Best pairs of box and label that are looked at; 1000 gain 0.1 points of AP50."""
_BOXES = 300
SAME_IOU = 0.6
"""AP50 is flat from 0.5 to 0.65, AP50-95 best from 0.6 to 0.7 (datasets/README.md)."""
_ROUNDS = 3
"""After which nothing changes on photos."""


class Deployed(nn.Module):  # type: ignore[misc]  # torch is not type-checked here
    """Wraps a detector: uint8 [1, H, W, 3] BGR -> float32 [1, 300, 6] xyxy, score, label id.

    The best score comes first; those behind the last box have a score of 0. Suppression is part of
    the graph, so that what reads the file needs none of its own. H and W: as many anchors as
    candidates, so both at least 160.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        model = copy.deepcopy(model).float().eval()
        head = model.model[-1]
        # dynamic: anchors follow the input's shape. export: boxes only, without the raw maps.
        head.dynamic, head.export, head.format = True, True, "onnx"
        head.xyxy, head.max_det = True, _CANDIDATES
        self.model = model.fuse(verbose=False)
        self.eval()  # the whole: tracing restores this mode afterwards

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rgb = images[..., [2, 1, 0]].permute(0, 3, 1, 2).float() / 255
        anchors: torch.Tensor = self.model(rgb).permute(0, 2, 1)
        return suppressed(self.model.model[-1].postprocess(anchors))


def suppressed(rows: torch.Tensor) -> torch.Tensor:
    """The best rows of which no better one of the same label lies in the same place.

    That is greedy non-maximum suppression, whose steps hang on one another, as a fixed number of
    rounds: in each a row is kept if none that the round before kept suppresses it.

    Args:
        rows: float [1, N, 6] xyxy, score, label id; the best score first.

    Returns:
        float [1, min(N, 300), 6], of those that are suppressed with a score of 0.
    """
    x1, y1, x2, y2, scores, labels = rows.unbind(-1)
    area = (x2 - x1) * (y2 - y1)
    width = torch.minimum(x2[:, :, None], x2[:, None]) - torch.maximum(x1[:, :, None], x1[:, None])
    height = torch.minimum(y2[:, :, None], y2[:, None]) - torch.maximum(y1[:, :, None], y1[:, None])
    shared = width.clamp(min=0) * height.clamp(min=0)
    union = area[:, :, None] + area[:, None] - shared
    number = torch.arange(rows.shape[1], device=rows.device)
    better = number[:, None] > number
    same = (shared >= SAME_IOU * union) & (labels[:, :, None] == labels[:, None]) & better
    suppressing, kept = same.to(rows.dtype), torch.ones_like(scores)
    for _ in range(_ROUNDS):
        kept = (torch.matmul(suppressing, kept[..., None])[..., 0] == 0).to(rows.dtype)
    left, order = torch.topk(scores * kept, min(_BOXES, rows.shape[1]))
    best = rows.gather(1, order[..., None].expand(-1, -1, 6))
    return torch.cat([best[..., :4], left[..., None], best[..., 5:]], -1)


def predict_with_torch(deployed: Deployed, known: Mapping[int, int] | None = None) -> Predict:
    """Run a deployed network with torch, on the device that it is on.

    Args:
        known: label id by class id, for a network with other classes; the rest is left out.
    """

    def predict(image: Image) -> Floats:
        device = next(deployed.parameters()).device
        with torch.inference_mode():
            rows: Floats = deployed(torch.from_numpy(image)[None].to(device))[0].cpu().numpy()
        if known is None:
            return rows
        rows = rows[[int(number) in known for number in rows[:, 5]]]
        rows[:, 5] = [known[int(number)] for number in rows[:, 5]]
        return rows

    return predict


def onnx_bytes(deployed: Deployed) -> bytes:
    """The ONNX file of a deployed network; H and W stay free (multiples of 32)."""
    import onnx
    import onnxslim  # type: ignore[import-untyped]  # it has no types

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracer warns of every shape that it turns into a number. Those that matter are
        # checked by running the graph on two shapes (cv.train.parity).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            deployed,
            (torch.zeros(1, 384, 640, 3, dtype=torch.uint8),),
            buffer,
            input_names=["images"],
            output_names=["detections"],
            dynamic_axes={"images": {1: "height", 2: "width"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnxslim.slim(onnx.load_from_string(buffer.getvalue()))
    # Who runs it infers the shapes between nodes. Here they are written in ever other ways, and the
    # same network must give the same file: its version follows from the bytes.
    del model.graph.value_info[:]
    content: bytes = model.SerializeToString()
    return content
