"""What begins to train is the network that was loaded."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("stack")


def pictures(seed: int) -> Any:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, 3, 32, 32, generator=generator) * (1 + seed)


@pytest.fixture
def network(stack: None) -> Any:
    """Two convolutions."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    made = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU()),
        *(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)),
    )
    for _ in range(20):
        made.train()(pictures(0))
    return made


def test_what_it_computes_stays_the_same(network: Any) -> None:
    import torch

    from cv.train.batch_norm import settle_batch_norm

    network.eval()
    before = network(pictures(3))
    settle_batch_norm(network, [pictures(1), pictures(2)])
    assert torch.allclose(network(pictures(3)), before, atol=1e-4)


def test_in_training_it_computes_the_same(network: Any) -> None:
    import torch

    from cv.train.batch_norm import settle_batch_norm

    expected = network.eval()(pictures(3))
    strange = deepcopy(network).train()(pictures(3))
    assert not torch.allclose(strange, expected, atol=0.1)
    settle_batch_norm(network, [pictures(3)])
    trained = network.train()(pictures(3))
    assert torch.allclose(trained, expected, atol=1e-3)
