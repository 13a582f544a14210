"""Small models made directly from the operators, and graphs of every awkward size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geocompile.custom_ops.operators import (
    batch_ptr,
    csr_from_coo,
    gather_segment_reduce,
    gcn_norm,
    segment_reduce,
)

SIZES = [(6, 9), (1, 0), (3, 0), (1, 4), (0, 0), (40, 150)]
"""(num_nodes, num_edges): ordinary, one node, no edges, only self-loops, nothing, larger than the example."""


class Convolution(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.randn(out_channels))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        rowptr, _, col = csr_from_coo(edge_index[1], x, edge_index[0])
        edge_weight, self_weight = gcn_norm(rowptr, col, x)
        return gather_segment_reduce(self.lin(x), rowptr, col, edge_weight, self_weight) + self.bias


class GCN(nn.Module):
    """Two layers, and with a batch vector the mean and maximum of each graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(8, 16)
        self.conv2 = Convolution(16, 4)
        self.dropout = nn.Dropout()

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        x = self.dropout(self.conv1(x, edge_index).relu())
        x = self.conv2(x, edge_index)
        if batch is None:
            return x
        return global_pool(x, batch, "mean") + global_pool(x, batch, "max")


class Everything(nn.Module):
    """Sizes in arithmetic, creation of tensors, standard scatter, edge weights, a nested result."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> dict[str, object]:
        loops = torch.arange(x.size(0), device=x.device)
        index = torch.cat([edge_index, torch.stack([loops, loops])], dim=1)
        weight = torch.cat([edge_weight, torch.ones(x.size(0))])
        summed = torch.zeros(x.size(0), 8).index_add(0, index[1], x[index[0]] * weight[:, None])
        degree = torch.zeros_like(weight[: x.size(0)]).scatter_add(0, index[1], weight)
        y = x * 2
        y[:, 0] = 0.0
        return {"x": summed / degree.clamp(min=1).unsqueeze(-1), "more": [y, None, (index,)]}


def global_pool(x: Tensor, batch: Tensor, reduce: str) -> Tensor:
    ptr, perm = batch_ptr(batch)
    return segment_reduce(x, ptr, perm, reduce)


def graph(num_nodes: int, num_edges: int, seed: int = 0) -> dict[str, Tensor]:
    """Tensors of a random graph by the names that the models use; two nodes in each graph of the batch."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(num_nodes, 8, generator=generator),
        "edge_index": torch.randint(0, max(num_nodes, 1), (2, num_edges), generator=generator),
        "edge_weight": torch.rand(num_edges, generator=generator),
        "batch": torch.arange(num_nodes) // 2,
    }


def inputs_of(names: list[str], num_nodes: int, num_edges: int) -> list[Tensor]:
    tensors = graph(num_nodes, num_edges)
    return [tensors[name] for name in names]
