"""The node itself among its neighbours, without a change of the graph's shape. Scriptable.

An edge that is a loop gets weight 0 and every node one term of its own, so that no edge is removed or added.
"""

import torch
from torch import Tensor

from geocompile.custom_ops import gather_segment_reduce, segment_reduce
from geocompile.layers.common.precision import widened


def reduce_with_self(x: Tensor, rowptr: Tensor, col: Tensor, rows: Tensor, reduce: str) -> Tensor:
    """``out[i]``: the features of i and of its neighbours reduced, i counted once however many loops it has.

    Args:
        x: ``[num_nodes, *]``.
        rowptr: ``[num_nodes + 1]``, edges by receiving node.
        col: ``[num_edges]``, the sending node of each.
        rows: ``[num_edges]``, the receiving node of each, in the same order.
        reduce: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.
    """
    if reduce == "max" or reduce == "min":  # a loop among the edges repeats the node's own term: no harm
        return gather_segment_reduce(x, rowptr, col, None, x.new_ones(x.size(0)), reduce)
    is_loop = rows == col
    weight = torch.logical_not(is_loop).to(x.dtype)
    if reduce == "sum":
        return gather_segment_reduce(x, rowptr, col, weight, x.new_ones(x.size(0)), "sum")
    share = mean_share(is_loop, rowptr, x)
    return gather_segment_reduce(x, rowptr, col, weight * share.index_select(0, rows), share, "sum")


def mean_share(is_loop: Tensor, rowptr: Tensor, x: Tensor) -> Tensor:
    """One over the number of terms of each node: its edges that are no loops, and its own loop."""
    return (1.0 / (count_others(is_loop, rowptr, x) + 1.0)).to(x.dtype)


def count_others(is_loop: Tensor, rowptr: Tensor, like: Tensor) -> Tensor:
    """The number of edges of each node that are no loops, of the dtype of ``like`` (float32 for halves)."""
    others = torch.logical_not(is_loop).to(widened(like.new_empty(0)).dtype)
    return segment_reduce(others, rowptr, None, "sum")


def counted_once(
    weight: Tensor, self_weight: Tensor, rowptr: Tensor, col: Tensor, rows: Tensor, reduce: str
) -> tuple[Tensor, Tensor]:
    """Weights of edges and of every node's own loop, for a mean, maximum or minimum of which each loop is one term.

    Edges that are loops come with weight 0. A mean must not count them: 1 / (number of terms) goes into the weights,
    which are then summed. In a maximum the 0 could win: they repeat the node's own term instead.
    """
    is_loop = rows == col
    if reduce == "mean":
        share = mean_share(is_loop, rowptr, weight)
        return weight * share.index_select(0, rows), self_weight * share
    return torch.where(is_loop, self_weight.index_select(0, col), weight), self_weight
