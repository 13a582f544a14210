"""What attention layers share: scores without a projection per edge, self-loops in graphs of two sides. Scriptable."""

import numbers
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_features
from geocompile.layers.common.propagation import group_edges


class AttentionGraph(NamedTuple):
    """Edges by receiving node, and their features: as they are, or as what they add to each head's score."""

    rowptr: Tensor
    col: Tensor
    perm: Tensor  # which edge stands at each place; loops that were appended come after the edges
    edge: Tensor | None  # [num_edges, heads or edge_dim]
    self_edge: Tensor | None  # [num_rows, heads or edge_dim], of the loops


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


def with_row_of_loops(received: Tensor) -> Tensor:
    """Behind the rows of receiving nodes that of zeros which :func:`with_loops` sends loops to; none sends from it."""
    return torch.nn.functional.pad(received, [0, 0] * (received.dim() - 1) + [0, 1])


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


def check_options(layer: str, heads: Any, **others: Any) -> None:
    """Refuse a number of heads, a dropout or another number that is none.

    Raises:
        TypeError: one of ``others`` is no number.
        ValueError: ``heads`` is no integer of at least 1, or ``dropout`` no probability.
    """
    if not isinstance(heads, numbers.Integral) or isinstance(heads, bool) or heads < 1:
        raise ValueError(f"geocompile.{layer}: heads must be an integer of at least 1, got {heads!r}")
    for name, value in others.items():
        if not isinstance(value, numbers.Real):
            raise TypeError(f"geocompile.{layer}: {name} must be a number, got {value!r}")
    dropout = others.get("dropout", 0.0)
    if not 0.0 <= dropout <= 1.0:
        raise ValueError(f"geocompile.{layer}: dropout must be a probability from 0 to 1, got {dropout!r}")


def check_matrix(layer: str, x: Tensor, edge_index: Tensor, weight: Tensor) -> None:
    """Refuse node features that are no matrix which ``weight`` [*, channels] multiplies.

    Raises:
        TypeError, ValueError: as :func:`check_features`, or there are further dimensions.
    """
    check_features(layer, x, edge_index, weight, weight.size(1), 0)
    if x.dim() != 2:
        raise ValueError(
            f"geocompile.{layer}: x must have shape [num_nodes, {weight.size(1)}], got {list(x.shape)}; "
            "for several graphs at once, number the nodes through"
        )


def two_types_of_result(layer: str) -> str:
    """Why TorchScript has no ``return_attention_weights``."""
    return (
        f"geocompile.{layer}: return_attention_weights changes the type of the result, which TorchScript "
        "cannot express; call forward_with_attention in place of forward"
    )
