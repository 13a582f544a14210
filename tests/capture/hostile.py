"""Models that cannot be captured, each for one reason. The comment marks the line that the message must name."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
]
