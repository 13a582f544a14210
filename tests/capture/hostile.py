"""Models that cannot be captured, each for one reason. The comment marks the line that the message must name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import MessagePassing


class BranchOnNoEdges(nn.Module):
    reason = "num_edges != 0"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        if edge_index.size(1) == 0:  # guilty
            return x
        return x * 2


class BranchOnTruthOfSize(nn.Module):
    reason = "num_edges != 0"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x * 2 if edge_index.size(1) else x  # guilty


class BranchOnManyNodes(nn.Module):
    reason = "num_nodes > 100"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x if x.size(0) > 100 else x * 2  # guilty


class LoopOverEdges(nn.Module):
    reason = "num_edges == "

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for _ in range(edge_index.size(1)):  # guilty
            x = x + 1
        return x


class FixedSize(nn.Module):
    reason = "must match the size"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x + torch.zeros(6, 8)  # guilty


class BranchOnValues(nn.Module):
    reason = "depends on values inside a tensor"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        if x.sum() > 0:  # guilty
            return x
        return x * 2


class SizeFromValues(nn.Module):
    reason = "depends on values inside a tensor"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x[: int(edge_index.max()) + 1]  # guilty


class CallsNumpy(nn.Module):
    reason = "numpy sees no tensor values"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy())  # guilty


class BranchOnMaskedSize(nn.Module):
    reason = "depends on values inside a tensor"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        kept = edge_index[:, edge_index[0] != edge_index[1]]
        if kept.size(1) == 0:  # guilty
            return x
        return x + 1


class CutsIntoGraphs(nn.Module):
    reason = "invalid for input of size 8*num_nodes"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x.view(-1, 4, 8).sum(1)  # guilty


class KeepsHalf(nn.Module):
    reason = "always ceil(0.5*num_nodes) == "

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x[: int(math.ceil(0.5 * x.size(0)))]  # guilty  # noqa: RUF046


class DrawsNoise(nn.Module):
    reason = "rand_like draws random numbers"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x + torch.rand_like(x)  # guilty


class DropsAlways(nn.Module):
    reason = "training=self.training"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return functional.dropout(x, 0.5)  # guilty


class Conv(MessagePassing):  # type: ignore[misc]
    """Its line is reached through code that torch_geometric generates into a temporary file."""

    reason = "num_edges > 7"

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.propagate(edge_index, x=x)
        return out

    def message(self, x_j: Tensor) -> Tensor:
        return x_j if x_j.size(0) > 7 else x_j * 2  # guilty


ALL: list[type[nn.Module]] = [
    BranchOnNoEdges,
    BranchOnTruthOfSize,
    BranchOnManyNodes,
    LoopOverEdges,
    FixedSize,
    BranchOnValues,
    SizeFromValues,
    CallsNumpy,
    BranchOnMaskedSize,
    CutsIntoGraphs,
    KeepsHalf,
    DrawsNoise,
    DropsAlways,
    Conv,
]
