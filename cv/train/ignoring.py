"""A detector whose loss is silent about labels that nobody boxed.

Most sources box only some labels. A stall that is there but not boxed must not be taught as
background, so a training image carries, beside its true boxes, *ignore boxes*: class id
`len(labels) + k` means "inside this box, the labels of ignore set k are unknown". They are boxes so
that mosaic, crops and flips move them like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.tal import make_anchors

__all__ = ["IgnoringLoss", "StreetModel", "ignored_anchors"]


def ignored_anchors(
    anchors: torch.Tensor,
    batch: dict[str, torch.Tensor],
    ignore_sets: torch.Tensor,
    images: int,
) -> torch.Tensor:
    """Where the class loss must be silent.

    Args:
        anchors: [A, 2] x, y in 0..1 of the input.
        batch: only ignore boxes: `cls` [M] (k), `bboxes` [M, 4] cx, cy, w, h in 0..1, `batch_idx`.
        ignore_sets: bool [K, labels].
        images: batch size.

    Returns:
        bool [images, A, labels].
    """
    silent = torch.zeros(images, len(anchors), ignore_sets.shape[1], dtype=torch.bool)
    silent = silent.to(anchors.device)
    rows = zip(batch["batch_idx"].long(), batch["cls"].long(), batch["bboxes"], strict=True)
    for image, k, (x, y, w, h) in rows:
        inside = ((anchors[:, 0] - x).abs() <= w / 2) & ((anchors[:, 1] - y).abs() <= h / 2)
        silent[image] |= inside[:, None] & ignore_sets[k][None]
    return silent


class IgnoringLoss(v8DetectionLoss):  # type: ignore[misc]  # ultralytics has no types
    """The detection loss, with ignore boxes."""

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(model, **options)
        self.ignore_sets = model.ignore_sets.to(self.device)

    def loss(self, preds: Any, batch: Any) -> Any:
        number = batch["cls"].view(-1)
        true, other = (
            {key: batch[key][rows] for key in ("cls", "bboxes", "batch_idx")}
            for rows in (number < self.nc, number >= self.nc)
        )
        points, strides = make_anchors(preds["feats"], self.stride, 0.5)
        height, width = (n * self.stride[0] for n in preds["feats"][0].shape[2:])
        anchors = points * strides / torch.stack([width, height]).to(points)
        other["cls"] = other["cls"].view(-1) - self.nc
        silent = ignored_anchors(anchors, other, self.ignore_sets, preds["boxes"].shape[0])
        self.bce = partial(_loss_outside, silent)
        return super().loss(preds, {**batch, **true})


def _loss_outside(
    silent: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Binary cross entropy, zero where `silent`, except for what a true box says."""
    loss = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return loss.masked_fill(silent & (targets == 0), 0.0)


class StreetModel(DetectionModel):  # type: ignore[misc]  # ultralytics has no types
    """YOLO26 with that loss. Checkpoints store the class by its name.

    Of YOLO26's two heads it has the one that learns from many anchors a box. Through it alone the
    backbone learns in any case, and on a few thousand photos it finds more than the other, which
    is to give one anchor a box; in return its boxes need suppression (`cv.train.graph`).

    Args:
        network: the name of ultralytics' description of it, as `yolo26n.yaml`.
    """

    ignore_sets = torch.zeros(0, 13, dtype=torch.bool)
    history: tuple[str, ...] = ()
    """The runs before the present one, each described in a few words."""
    averaged_with: str = ""
    exported: bool = False
    """Read from an exported file, which tells all its runs in `history`."""
    """What the last run's network was averaged with, if it was."""
    half_forward = False
    """Run training's forward pass in bfloat16 (the loss stays in float32)."""

    def __init__(self, network: str, **options: Any) -> None:
        super().__init__({**yaml_model_load(network), "end2end": False}, **options)

    def set_ignore_sets(self, sets: Sequence[Sequence[str]], labels: Sequence[str]) -> None:
        rows = [[label in names for label in labels] for names in sets]
        self.ignore_sets = torch.tensor(rows, dtype=torch.bool).view(len(rows), len(labels))

    def init_criterion(self) -> Any:
        return IgnoringLoss(self)

    def loss(self, batch: Any, preds: Any = None) -> Any:
        if preds is None:
            image = batch["img"]
            with torch.autocast(image.device.type, torch.bfloat16, enabled=self.half_forward):
                preds = self.forward(image)
            preds = _as_float(preds)
        return super().loss(batch, preds)


def _as_float(value: Any) -> Any:
    """Every tensor of nested dicts and lists in float32."""
    if isinstance(value, dict):
        return {key: _as_float(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_float(item) for item in value]
    return value.float()
