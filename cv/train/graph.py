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

__all__ = ["Deployed", "onnx_bytes", "predict_with_torch"]

_OPSET = 17


class Deployed(nn.Module):  # type: ignore[misc]  # torch is not type-checked here
    """Wraps a detector: uint8 [1, H, W, 3] BGR -> float32 [1, N, 6] xyxy, score, label id."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        model = copy.deepcopy(model).float().eval()
        model.end2end = True
        head = model.model[-1]
        # dynamic: anchors follow the input's shape. export: boxes only, without the raw maps.
        head.dynamic, head.export, head.format = True, True, "onnx"
        self.model = model.fuse(verbose=False)
        self.eval()  # the whole: tracing restores this mode afterwards

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rgb = images[..., [2, 1, 0]].permute(0, 3, 1, 2).float() / 255
        boxes: torch.Tensor = self.model(rgb)
        return boxes


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
    content: bytes = onnxslim.slim(onnx.load_from_string(buffer.getvalue())).SerializeToString()
    return content
