from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("stack")


def test_torchvision_suppresses_boxes_here() -> None:
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    assert torchvision.ops.nms(boxes, scores, 0.5).tolist() == [1, 2]


def test_only_boxes_beyond_the_threshold_are_suppressed() -> None:
    import torch

    from cv.train.torchvision_cure import non_maximum_suppression

    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])  # IoU 0.5
    scores = torch.tensor([0.9, 0.8])
    assert non_maximum_suppression(boxes, scores, 0.5).tolist() == [0, 1]
    assert non_maximum_suppression(boxes, scores, 0.49).tolist() == [0]


def test_no_boxes_give_no_indices() -> None:
    import torch

    from cv.train.torchvision_cure import non_maximum_suppression

    kept = non_maximum_suppression(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert (kept.shape, kept.dtype) == ((0,), torch.int64)
