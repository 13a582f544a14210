"""Message passing as it is written: the messages of each node's neighbours, reduced, updated."""

from typing import Any

import torch
from torch import Tensor

from tests.conformance.formulas import neighbours, reduced, stacked


def plain(layer: Any, x: Tensor, edge_index: Tensor) -> Tensor:
    received = [neighbours(edge_index, layer.flow, i) for i in range(x.size(0))]
    return stacked([reduced([x[j] for _, j in found], layer.aggr, x[0]) for found in received], x.size(1))


def pairs(layer: Any, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    weight = torch.ones(edge_index.size(1), dtype=x.dtype) if edge_weight is None else edge_weight
    rows = []
    for i in range(x.size(0)):
        messages = [
            weight[e] * torch.tanh(layer.lin.weight @ torch.cat([x[i], x[j]]) + layer.lin.bias)
            for e, j in neighbours(edge_index, layer.flow, i)
        ]
        rows.append(reduced(messages, layer.aggr, x[i]) + x[i])
    return stacked(rows, x.size(1))
