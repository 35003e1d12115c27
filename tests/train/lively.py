"""A network of random weights whose scores are not all alike."""

from __future__ import annotations

from typing import Any

from cv.train.sizes import Size


def lively_network(size: Size) -> Any:
    """Deployed, with statistics that keep signals alive down to the scores."""
    import torch

    from cv.train.graph import Deployed
    from cv.train.ignoring import StreetModel
    from cv.train.network import adapt_head

    torch.manual_seed(0)
    model = adapt_head(StreetModel(size.yaml, nc=80, verbose=False))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # plain mean over what it sees: one batch
        model.train()(torch.rand(4, 3, 256, 256))
        for level in model.model[-1].cv3:
            torch.nn.init.normal_(level[-1].weight, std=0.01)
            level[-1].bias.fill_(-1.0)
    return Deployed(model)
