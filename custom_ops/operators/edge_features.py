"""Sums over edges of features that all heads share, one head after the other: no tensor per edge, head and channel."""

import torch
from torch import Tensor

_ops = torch.ops.geocompile


def edge_products(rows: Tensor, edge: Tensor, rowptr: Tensor) -> Tensor:
    """``out[p, h] = <rows[i, h], edge[p]>`` for p in row i, ``[num_edges, heads]``."""
    places = _places(edge, rowptr)
    heads = [_ops.edge_dot(rows[:, h], edge, rowptr, places, False) for h in range(rows.size(1))]
    return torch.stack(heads, dim=1) if heads else edge.new_empty((edge.size(0), 0))


def sums_of_edges(weight: Tensor, edge: Tensor, rowptr: Tensor) -> Tensor:
    """``out[i, h] = sum of weight[p, h] edge[p]`` over p in row i, ``[num_rows, heads, channels]``."""
    places, heads = _places(edge, rowptr), weight.size(1)
    sums = [
        _ops.gather_segment_reduce(edge, rowptr, places, weight[:, h].contiguous(), None, "sum")
        for h in range(heads)
    ]
    return torch.stack(sums, dim=1) if sums else edge.new_empty((rowptr.size(0) - 1, 0, edge.size(1)))


def sums_over_heads(weight: Tensor, rows: Tensor, row_of_edge: Tensor) -> Tensor:
    """``out[p] = sum of weight[p, h] rows[i, h]`` over the heads h, i the row of p, ``[num_edges, channels]``."""
    out = rows.new_zeros((weight.size(0), rows.size(2)))
    for h in range(rows.size(1)):
        out = torch.addcmul(out, weight[:, h : h + 1], rows[:, h].index_select(0, row_of_edge))
    return out


def _places(edge: Tensor, rowptr: Tensor) -> Tensor:
    return torch.arange(edge.size(0), dtype=rowptr.dtype, device=edge.device)
