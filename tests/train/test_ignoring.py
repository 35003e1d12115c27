from __future__ import annotations

from typing import Any

import pytest

from cv.labels import LABELS

pytestmark = pytest.mark.usefixtures("stack")

SIDE = 128
STALL, CAR = LABELS.index("street_stall"), LABELS.index("car")
IGNORE_STALLS = len(LABELS)  # the first ignore set


@pytest.fixture(scope="module")
def model(stack: None) -> Any:
    import torch
    from ultralytics.cfg import get_cfg

    from cv.train.ignoring import StreetModel
    from cv.train.network import adapt_head

    torch.manual_seed(0)
    network = adapt_head(StreetModel("yolo26n.yaml", nc=80, verbose=False))
    network.args = get_cfg()
    network.set_ignore_sets([["street_stall"]], LABELS)
    return network


def class_gradient(model: Any, boxes: list[tuple[float, ...]]) -> Any:
    """|d loss / d logit| for one image: [anchors, labels]."""
    import torch

    torch.manual_seed(1)
    rows = torch.tensor(boxes).view(-1, 5)
    batch = {
        "img": torch.rand(1, 3, SIDE, SIDE),
        "cls": rows[:, :1],
        "bboxes": rows[:, 1:],
        "batch_idx": torch.zeros(len(rows)),
    }
    model.train()
    preds = model(batch["img"])
    logits = preds["scores"]
    logits.retain_grad()
    total, _ = model.loss(batch, preds)
    total.sum().backward()
    return logits.grad[0].abs().T


def test_without_ignore_boxes_every_anchor_learns_every_label(model: Any) -> None:
    gradient = class_gradient(model, [(CAR, 0.5, 0.5, 0.3, 0.3)])
    assert (gradient > 0).all()


def test_an_ignore_box_silences_its_labels_inside_it_and_nothing_else(model: Any) -> None:
    gradient = class_gradient(
        model, [(CAR, 0.5, 0.5, 0.3, 0.3), (IGNORE_STALLS, 0.25, 0.5, 0.5, 1.0)]
    )
    fine = gradient[: (SIDE // 8) ** 2].view(SIDE // 8, SIDE // 8, len(LABELS))  # stride 8
    left, right = fine[:, : SIDE // 16], fine[:, SIDE // 16 :]
    assert (left[..., STALL] == 0).all()
    assert (right[..., STALL] > 0).all()
    others = [n for n in range(len(LABELS)) if n != STALL]
    assert (fine[..., others] > 0).all()


def test_a_true_box_of_a_silenced_label_still_teaches(model: Any) -> None:
    gradient = class_gradient(
        model, [(STALL, 0.5, 0.5, 0.4, 0.4), (IGNORE_STALLS, 0.5, 0.5, 1.0, 1.0)]
    )
    taught = (gradient[:, STALL] > 0).sum()
    assert 0 < taught < 50  # the anchors assigned to it, not the 336 of the picture


def test_half_precision_forward_gives_a_float_loss(model: Any) -> None:
    import torch

    model.half_forward = True
    try:
        batch = {
            "img": torch.rand(1, 3, SIDE, SIDE),
            "cls": torch.tensor([[float(CAR)]]),
            "bboxes": torch.tensor([[0.5, 0.5, 0.3, 0.3]]),
            "batch_idx": torch.zeros(1),
        }
        total, _ = model.train()(batch)
    finally:
        model.half_forward = False
    assert total.dtype == torch.float32
    assert torch.isfinite(total).all()
