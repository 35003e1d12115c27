"""What begins to train is the network that was loaded."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cv.data.samples import read_image
from cv.detect.detector import model_path
from cv.detect.letterbox import letterbox

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


@pytest.mark.media
def test_what_ships_goes_on_as_it_is_on_pictures_of_another_kind(media: Path) -> None:
    """Deployed weights get their statistics of plain photos; training has mosaics."""
    import torch

    from cv.train.batch_norm import settle_batch_norm
    from cv.train.network import load_shipped

    def batch(side: int, light: float) -> torch.Tensor:
        files = sorted((media / "data/junction_cctv/images").glob("*.webp"))[::50]
        stack = np.stack([letterbox(read_image(file), (side, side)).image for file in files])
        return torch.from_numpy(stack[..., ::-1].transpose(0, 3, 1, 2).copy()).float() * light / 255

    def neck(model: Any, pictures: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        hook = model.model[-1].register_forward_pre_hook(lambda _, args: seen.append(args[0][-1]))
        with torch.no_grad():
            model(pictures)
        hook.remove()
        return seen[0]

    model = load_shipped(model_path(), [batch(192, 1.0)])
    dark = batch(256, 0.4)
    expected = neck(model.eval(), dark)

    def apart() -> float:
        own = {name: value.clone() for name, value in model.state_dict().items()}
        trained = neck(model.train(), dark)
        model.load_state_dict(own)  # a pass in training moves the statistics
        return float((trained - expected).abs().mean() / expected.abs().mean())

    assert apart() > 0.2
    settle_batch_norm(model.train(), [dark])
    assert apart() < 0.02
    assert torch.allclose(neck(model.eval(), dark), expected, atol=1e-2)
