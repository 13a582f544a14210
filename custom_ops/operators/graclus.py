"""Greedy matching: nodes in pairs of neighbours, for coarsening a graph by half."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import csr_from_coo, rows_of
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def graclus(
    edge_index: Tensor,
    weight: Tensor | None = None,
    num_nodes: int | None = None,
    order: Tensor | None = None,
) -> Tensor:
    """Match each node with an unmatched neighbour, the one of the heaviest edge, until no two are left.

    Nodes are visited in `order`; one that is not matched yet is matched with its heaviest unmatched neighbour, the
    first of equals in the order of the edges, never with itself. PyG visits nodes, and takes neighbours without
    weights, at random: give ``order=torch.randperm(num_nodes)`` for the former, and permute the edges for the latter.
    Chance being an argument, engines agree.

    Args:
        edge_index: ``[2, num_edges]`` int64 or int32; the neighbours of ``edge_index[0]`` are ``edge_index[1]``.
        weight: ``[num_edges]`` float32, float64, float16 or bfloat16; NaN counts as -inf. None: all are equal.
        num_nodes: Number of nodes; None: ``max(edge_index) + 1``.
        order: ``[num_visits]``, dtype of `edge_index`: the nodes to visit; None: 0, 1, ... A node that is not named
            can still be matched by a neighbour.

    Returns:
        ``[num_nodes]`` int64: the smaller number of each pair, of a node alone its own.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a node out of range.

    Source: Dhillon et al., "Weighted Graph Cuts without Eigenvectors: A Multilevel Approach" (2007).
    """
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"geocompile.graclus: 'edge_index' must have shape [2, num_edges], got {list(edge_index.size())}"
        )
    if weight is not None and (weight.dim() != 1 or weight.size(0) != edge_index.size(1)):
        raise ValueError(
            f"geocompile.graclus: 'weight' must have shape [{edge_index.size(1)}] (one per edge), got "
            f"{list(weight.size())}"
        )
    like = rows_of("graclus", edge_index, num_nodes)
    rowptr, perm, col = csr_from_coo(edge_index[0], like, edge_index[1])
    if weight is not None:
        weight = weight[perm]
    return torch.ops.geocompile.graclus(rowptr, col, weight, order)  # type: ignore[no-any-return]


def graclus_reference(
    rowptr: Tensor, col: Tensor, weight: Tensor | None = None, order: Tensor | None = None
) -> Tensor:
    """The meaning of `graclus`."""
    out = torch.arange(rowptr.size(0) - 1)
    matched: set[int] = set()
    weights = torch.zeros(col.size(0)) if weight is None else weight.masked_fill(weight.isnan(), -torch.inf)
    for node in out.tolist() if order is None else order.tolist():
        begin, end = rowptr[node : node + 2].tolist()
        free = [
            p
            for p in range(begin, end)
            if int(col[p]) not in matched and int(col[p]) != node and node not in matched
        ]
        if node not in matched:
            partner = int(col[max(free, key=lambda p: float(weights[p]))]) if free else node
            matched |= {node, partner}
            out[[node, partner]] = min(node, partner)
    return out


def _fake_graclus(
    rowptr: Tensor, col: Tensor, weight: Tensor | None = None, order: Tensor | None = None
) -> Tensor:
    same_device("graclus", rowptr=rowptr, col=col, weight=weight, order=order)
    return rowptr.new_empty(rowptr.size(0) - 1, dtype=torch.long)


torch.library.register_fake("geocompile::graclus", _fake_graclus)
_TYPES = ("Graclus", "GraclusWeighted", "GraclusOrdered", "GraclusWeightedOrdered")
register(Operator("graclus", graclus_reference, False, _TYPES, {"col": "rowptr", "order": "rowptr"}))
