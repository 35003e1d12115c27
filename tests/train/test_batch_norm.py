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
    """Two convolutions, and beside the second one that does not run in evaluation."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU())
            self.second = nn.Sequential(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4))
            self.other = nn.Sequential(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x = self.first(x)
            return (self.second(x), self.other(x)) if self.training else (self.second(x),)

    torch.manual_seed(0)
    made = Network()
    for _ in range(20):
        made.train()(pictures(0))
    return made


def test_what_it_computes_stays_the_same(network: Any) -> None:
    import torch

    from cv.train.batch_norm import settle_batch_norm

    network.eval()
    (before,) = network(pictures(3))
    settle_batch_norm(network, [pictures(1), pictures(2)])
    assert torch.allclose(network(pictures(3))[0], before, atol=1e-4)


def test_in_training_it_computes_the_same(network: Any) -> None:
    import torch

    from cv.train.batch_norm import settle_batch_norm

    (expected,) = network.eval()(pictures(3))
    strange, _ = deepcopy(network).train()(pictures(3))
    assert not torch.allclose(strange, expected, atol=0.1)
    settle_batch_norm(network, [pictures(3)])
    trained, _ = network.train()(pictures(3))
    assert torch.allclose(trained, expected, atol=1e-3)


def test_a_branch_that_does_not_run_stays_as_it_is(network: Any) -> None:
    import torch

    from cv.train.batch_norm import settle_batch_norm

    norm = network.other[1]
    kept = {name: value.clone() for name, value in norm.state_dict().items()}
    settle_batch_norm(network.eval(), [pictures(1)])
    assert all(torch.equal(value, kept[name]) for name, value in norm.state_dict().items())
    settle_batch_norm(network.train(), [pictures(1)])
    assert not torch.equal(norm.running_mean, kept["running_mean"])
    assert norm.training
