"""The formulas as they are written, node by node and term by term, in float64: the oracle of the layers."""

import torch
from torch import Tensor


def reduced(terms: list[Tensor], aggr: str, like: Tensor) -> Tensor:
    """The terms of one node; without any 0, or 1 for a product. `like` is one term."""
    if not terms:
        return torch.full_like(like, 1.0 if aggr == "mul" else 0.0)
    stack = torch.stack(terms)
    reductions = {
        "add": stack.sum,
        "mean": stack.mean,
        "max": stack.amax,
        "min": stack.amin,
        "mul": stack.prod,
    }
    return reductions[aggr](0)


def neighbours(edge_index: Tensor, flow: str, node: int) -> list[tuple[int, int]]:
    """The edges that a node receives and who sends them."""
    source, target = edge_index if flow == "source_to_target" else edge_index.flip(0)
    return [(e, int(source[e])) for e in range(source.numel()) if int(target[e]) == node]


def stacked(rows: list[Tensor], *shape: int) -> Tensor:
    """The rows of all nodes; of none, ``[0, *shape]``."""
    return torch.stack(rows) if rows else torch.zeros(0, *shape, dtype=torch.float64)


def adjacency(edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> Tensor:
    """Dense ``A[i, j]``: the sum of the weights of the edges j -> i."""
    values = torch.ones(edge_index.size(1), dtype=torch.float64) if weight is None else weight
    dense = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    for e in range(edge_index.size(1)):
        dense[edge_index[1, e], edge_index[0, e]] += values[e]
    return dense
