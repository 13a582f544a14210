"""What attention layers share: scores without a projection per edge, self-loops in graphs of two sides. Scriptable."""

from typing import NamedTuple

import torch
from torch import Tensor

from geocompile.layers.common.propagation import group_edges


class AttentionGraph(NamedTuple):
    """Edges by receiving node, and what edge features add to the scores."""

    rowptr: Tensor
    col: Tensor
    perm: Tensor  # which edge stands at each place; loops that were appended come after the edges
    edge: Tensor | None  # [num_edges, heads]
    self_edge: Tensor | None  # [num_rows, heads]


def folded(weight: Tensor, att: Tensor) -> Tensor:
    r"""A linear map and the attention vector behind it as one map, ``[heads, in]``.

    :math:`\langle a_h, W_h x \rangle = \langle W_h^\top a_h, x \rangle`: what only serves a score is never projected
    to [*, heads, channels], and what is projected is not read again for its scores.

    Args:
        weight: ``[heads * channels, in]``.
        att: ``[1, heads, channels]``.
    """
    heads, channels = att.size(1), att.size(2)
    return torch.bmm(att.transpose(0, 1), weight.view(heads, channels, weight.size(1))).squeeze(1)


def with_loops(graph: AttentionGraph, rows: Tensor, num_loops: int, num_receiving: int) -> AttentionGraph:
    """The graph with a loop for each of the first nodes, which both sides have, as ordinary edges behind the others.

    For two sides of different size, where the operators have no loops of their own. Loops that are there already are
    sent to row ``num_receiving``, one more than there is, which nobody reads: the number of edges does not depend on
    how many they are. ``rows`` is the receiving node of each edge of ``graph``.
    """
    loops = torch.arange(num_loops, dtype=rows.dtype, device=rows.device)
    others = rows.masked_fill(rows == graph.col, num_receiving)
    rowptr, col, places = group_edges(
        torch.cat([others, loops]), torch.cat([graph.col, loops]), num_receiving + 1
    )
    perm = torch.cat([graph.perm, loops + graph.col.size(0)]).index_select(0, places)
    edge, self_edge = graph.edge, graph.self_edge
    if edge is not None and self_edge is not None:
        edge = torch.cat([edge, self_edge[:num_loops]]).index_select(0, places)
    return AttentionGraph(rowptr, col, perm, edge, None)


def listed_with_loops(edge_index: Tensor, alpha: Tensor, loop_alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Edges that are no loops, in their order, then node 0's loop, node 1's, ..., and the coefficients of all.

    Args:
        edge_index: ``[2, num_edges]``.
        alpha: ``[num_edges, heads]``, in the order of ``edge_index``.
        loop_alpha: ``[num_loops, heads]``.
    """
    other = edge_index[0] != edge_index[1]
    loops = torch.arange(loop_alpha.size(0), dtype=edge_index.dtype, device=edge_index.device)
    edges = torch.cat([edge_index[:, other], loops.unsqueeze(0).expand(2, -1)], dim=1)
    return edges, torch.cat([alpha[other], loop_alpha])
