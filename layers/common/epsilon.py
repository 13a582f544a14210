"""The factor of a node's own features in GINConv and GINEConv, fixed or learned."""

from typing import Any

import torch


def make_epsilon(layer: Any, eps: float, train_eps: bool) -> None:
    """Give a layer ``initial_eps`` and ``eps`` [1], a parameter or a buffer."""
    layer.initial_eps = float(eps)
    start = torch.full((1,), layer.initial_eps)
    if train_eps:
        layer.eps = torch.nn.Parameter(start)
    else:
        layer.register_buffer("eps", start)


def reset_epsilon(layer: Any) -> None:
    """Set ``eps`` back to where it started."""
    with torch.no_grad():
        layer.eps.fill_(layer.initial_eps)
