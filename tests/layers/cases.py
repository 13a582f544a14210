"""Inputs and a layer that several tests of layers use."""

from typing import Any

import torch
from torch import Tensor

from geocompile.layers import GINConv


def graph(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor]:
    """Random features and edges; loops and duplicates come by themselves, the last node stays isolated if it can."""
    return (
        torch.randn(num_nodes, 3, dtype=torch.float64),
        torch.randint(0, max(num_nodes - 1, 1), (2, num_edges)),
    )


def weighted(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    return (*graph(num_nodes, num_edges), torch.rand(num_edges, dtype=torch.float64) + 0.1)


def bipartite(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return (x, torch.randn(num_nodes + 3, 4, dtype=torch.float64)), edge_index, weight


def with_edge_attr(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    return (*graph(num_nodes, num_edges), torch.randn(num_edges, 2, dtype=torch.float64))


def gin(out_channels: int, **options: Any) -> GINConv:
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, out_channels))
    return GINConv(mlp, **options)
